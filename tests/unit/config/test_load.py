"""Putting the configuration together: places, precedence, origins, and every error at once."""

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mailwren import __version__
from mailwren.config.errors import ConfigErrors
from mailwren.config.load import Override, load
from mailwren.config.settings import SETTINGS, Config, Durability, ListenProtocol, OverQuota
from mailwren.config.values import AUTOMATIC_LISTENERS


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _load(
    text: str | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Sequence[Override] = (),
    *,
    check_files: bool = True,
) -> Config:
    path = None
    if text is not None:
        path = Path("test.toml")
        path.write_text(text, encoding="utf-8")
    return load(path, environ or {}, overrides, check_files=check_files, system_file=Path("etc.toml").absolute())


def _problems(
    text: str | None, environ: Mapping[str, str] | None = None, overrides: Sequence[Override] = ()
) -> list[str]:
    """Every problem as text, with the folder taken out."""
    with pytest.raises(ConfigErrors) as caught:
        _load(text, environ, overrides)
    return [str(problem).replace(f"{Path.cwd()}/", "") for problem in caught.value.problems]


def test_without_anything_the_defaults_apply(folder: Path) -> None:
    """No file, no environment: all defaults, the data folder in the working folder."""
    config = _load()
    assert config == Config(data=folder / "mailwren-data")
    assert config.listeners is AUTOMATIC_LISTENERS
    assert config.file is None
    assert set(config.origins.values()) == {"default"}


def test_every_field_is_a_setting_or_tells_of_the_file() -> None:
    """No field of Config is left out of the settings, and no two settings share a key."""
    names = {setting.name for setting in SETTINGS}
    assert set(Config.__dataclass_fields__) == names | {"file", "origins", "warnings"}
    assert len({setting.key for setting in SETTINGS}) == len(SETTINGS) == len(names)
    assert len({setting.variable for setting in SETTINGS}) == len(SETTINGS)


def test_the_command_line_wins_over_the_environment_over_the_file(folder: Path) -> None:
    """Each value comes from the strongest place, and its origin says which."""
    config = _load(
        'version = 1\nworkers = 2\n[login]\ntimeout = "30 s"\nallow_plaintext = true\n',
        {"MAILWREN_WORKERS": "3", "MAILWREN_LOGIN_TIMEOUT": "20 s"},
        [Override("workers", "4", "--workers")],
    )
    assert (config.workers, config.login_timeout, config.allow_plaintext_login) == (4, 20.0, True)
    assert config.origins["workers"] == "command line --workers"
    assert config.origins["login.timeout"] == "environment MAILWREN_LOGIN_TIMEOUT"
    assert config.origins["login.allow_plaintext"] == f"{folder}/test.toml:5"


def test_a_file_with_everything(folder: Path) -> None:
    """The forms of all sections are read; relative paths start at the file's folder."""
    (folder / "sub").mkdir()
    path = folder / "sub" / "m.toml"
    path.write_text(
        "\ufeffversion = 1\r\ndata = 'mail'\nserver_name = 'Mail.Example.org'\n"
        "[[listen]]\nprotocol = 'lmtp'\npath = 'lmtp.sock'\nmode = '0600'\n"
        "[[listen]]\nprotocol = 'imaps'\nhost = '*'\nport = 993\n"
        "[store]\ndurability = 'strict'\nmessage_size_limit = '10 MB'\n[quota]\nstorage = '1 GiB'\n"
        "[delivery]\ndomains = ['Example.org']\nover_quota = 'permanent'\n"
        "[capabilities]\nhidden = ['notify']\nhidden_for = { alice = ['ESORT'] }\n"
        "hidden_for_clients = { 'Outlook*, os:iOS' = ['UIDONLY'], 'vendor:Micro*' = ['sort'] }\n[id]\nname = 'Wren'\n"
        "[[mailbox]]\nname = 'Sent'\nspecial_use = 'Sent'\n",
        encoding="utf-8",
        newline="",
    )
    config = load(path, {})
    assert config.data == folder / "sub" / "mail"
    assert [listener.address for listener in config.listeners] == [
        f"unix:{folder}/sub/lmtp.sock",
        "0.0.0.0:993",
        "[::]:993",
    ]
    assert config.listeners[0].protocol is ListenProtocol.LMTP
    assert config.durability is Durability.STRICT
    assert (config.message_size_limit, config.quota_octets) == (10_000_000, 1024**3)
    assert (config.delivery_domains, config.delivery_accept_any_domain) == (("example.org",), False)
    assert config.delivery_over_quota is OverQuota.PERMANENT
    assert config.hidden_for("alice") == {"NOTIFY", "ESORT"}
    assert config.hidden_for("bob") == {"NOTIFY"}
    assert config.hidden_for("bob", {"name": "OUTLOOK 16", "os": "ios", "vendor": None}) == {"NOTIFY", "UIDONLY"}
    assert config.hidden_for("bob", {"name": "outlook", "vendor": "Microsoft"}) == {"NOTIFY", "SORT"}
    assert config.id_fields == {"name": "Wren"}
    assert [mailbox.special_use for mailbox in config.default_mailboxes] == ["\\Sent"]


def test_the_file_is_looked_for_in_the_data_folder_and_then_in_etc(folder: Path) -> None:
    """The data folder's file wins over the machine's; a named one wins over both."""
    (folder / "etc.toml").write_text("version = 1\nworkers = 5\n", encoding="utf-8")
    assert _load().workers == 5
    (folder / "d").mkdir()
    (folder / "d" / "mailwren.toml").write_text("version = 1\nworkers = 6\n", encoding="utf-8")
    assert _load(environ={"MAILWREN_DATA": "d"}).workers == 6
    config = _load(overrides=[Override("data", "d", "--data")])
    assert (config.workers, config.file) == (6, folder / "d" / "mailwren.toml")
    (folder / "named.toml").write_text("version = 1\nworkers = 7\n", encoding="utf-8")
    assert _load(environ={"MAILWREN_CONFIG": "named.toml", "MAILWREN_DATA": "d"}).workers == 7
    assert _load("version = 1\n", {"MAILWREN_CONFIG": "named.toml"}).workers is None
    assert _load('version = 1\nworkers = "auto"\n').workers is None


def test_a_file_in_the_data_folder_cannot_name_another_one(folder: Path) -> None:
    """Otherwise it would be unclear which data folder is meant."""
    (folder / "mailwren-data").mkdir()
    (folder / "mailwren-data" / "mailwren.toml").write_text("version = 1\ndata = '/elsewhere'\n", encoding="utf-8")
    (problem,) = _problems(None)
    assert problem.startswith("mailwren-data/mailwren.toml:2: data: names another folder")


def test_all_errors_come_at_once_with_place_key_and_advice() -> None:
    """Mistakes of every sort, in file, environment and command line, are reported together with their lines."""
    problems = _problems(
        "version = 1\nwrokers = 2\n[conections]\nx = 1\n[login]\ntimeout = '1 year'\nidle_timeout = 5\n"
        "[[listen]]\nprotocol = 'imap'\nhost = '*'\nport = 'x'\n[store]\ndurability = 'strikt'\n",
        {"MAILWREN_WORKERS": "many"},
        [Override("delivery.recipients", "3", "--recipients")],
    )
    text = "\n".join(problems)
    for expected in (
        'test.toml:2: wrokers: is not a known setting; did you mean "workers"?',
        'test.toml:3: conections: is not a known setting; did you mean "connections"?',
        "test.toml:6: login.timeout: ",
        "test.toml:7: login.idle_timeout: is not a known setting; it is known as connections.idle_timeout",
        "test.toml:11: listen[1].port: ",
        'test.toml:13: store.durability: "strikt" is not taken here',
        "environment MAILWREN_WORKERS: workers: ",
        "command line --recipients: delivery.recipients: ",
    ):
        assert expected in text, text
    assert len(problems) == 8


def test_an_overridden_value_is_still_checked() -> None:
    """A mistake in the file is reported although the command line wins."""
    (problem,) = _problems("version = 1\nworkers = 0\n", overrides=[Override("workers", "1", "--workers")])
    assert problem.startswith("test.toml:2: workers: 0 is not taken here")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("workers = 1\n", "test.toml: version: is missing; write version = 1"),
        ("version = 2\nwrong = 1\n", f"test.toml:1: version: 2 is not known; Mailwren {__version__} reads version 1"),
        ("version = 'x'\n", "test.toml:1: version: 'x' is not known; it must be the number 1"),
        ("version = true\n", "test.toml:1: version: True is not known; it must be the number 1"),
        ("version = 1\nworkers = \n", "test.toml:2: is not valid TOML in column 11"),
        ("version = 1\nlogin = 3\n", "test.toml:2: login: is a table; write [login]"),
        ("version = 1\n[workers]\n", "test.toml:2: workers: a table is not taken here"),
        ("version = 1\nnonsense = 1\n", "`mailwren config example` shows all settings"),
    ],
)
def test_files_of_another_shape(text: str, expected: str) -> None:
    """Missing and unknown versions, broken TOML and wrong tables are one clear message."""
    (problem,) = _problems(text)
    assert expected in problem


def test_a_named_file_must_be_there(folder: Path) -> None:
    """A missing file and one that is no text are one clear message each."""
    with pytest.raises(ConfigErrors, match=r"absent\.toml: cannot be read: No such file"):
        load(Path("absent.toml"), {})
    (folder / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigErrors, match="it is not UTF-8 text"):
        load(Path("binary.toml"), {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[tls]\ncertificate = '/x'\n", "test.toml:3: tls.certificate: is set and tls.key is not"),
        ("[tls]\nkey = 'k'\ncertificate = 'absent'\n", "absent cannot be read: No such file"),
        (
            "[delivery]\ndomains = ['x.org']\naccept_any_domain = true\n",
            "test.toml:4: delivery.accept_any_domain: makes",
        ),
        ("[[listen]]\nprotocol = 'lmtp'\npath = '/no/such/folder/x'\n", "the folder /no/such/folder is not there"),
        (f"[[listen]]\nprotocol = 'lmtp'\npath = '/{'x' * 107}'\n", "is too long for a UNIX socket"),
        ("[connections]\nidle_timeout = '31 min'\n", "from 32 min to 7 days"),
    ],
)
def test_conflicts(text: str, expected: str) -> None:
    """Settings that contradict each other or the machine are reported where they stand."""
    assert any(expected in problem for problem in _problems(f"version = 1\n{text}"))


def test_a_data_folder_that_is_a_file(folder: Path) -> None:
    """A file cannot be the data folder."""
    (folder / "f").write_text("", encoding="utf-8")
    (problem,) = _problems(None, overrides=[Override("data", "f", "--data")])
    assert "is not a folder" in problem


def test_a_refused_setting_causes_no_further_errors(folder: Path) -> None:
    """A wrong key path gives one message, not a second one about the certificate that now has no key."""
    (folder / "c").write_text("", encoding="utf-8")
    (problem,) = _problems("version = 1\n[tls]\ncertificate = 'c'\nkey = 5\n")
    assert problem.startswith("test.toml:4: tls.key: 5 is not taken here")


def test_tools_do_not_need_the_servers_files() -> None:
    """`user add` works without being able to read the server's key."""
    config = _load("version = 1\n[tls]\nkey = '/absent'\ncertificate = '/absent'\n", check_files=False)
    assert config.tls_key == Path("/absent")


def test_risky_settings_are_warned_of() -> None:
    """Passwords without TLS and LMTP open to others are allowed and yet said."""
    config = _load(environ={"MAILWREN_LISTEN": "imap:*:143,lmtp:10.0.0.1:24", "MAILWREN_LOGIN_ALLOW_PLAINTEXT": "yes"})
    assert len(config.warnings) == 3
    quiet = _load(
        environ={"MAILWREN_LISTEN": "imap:[::1]:1,lmtp:127.0.0.1:24", "MAILWREN_LOGIN_ALLOW_PLAINTEXT": "yes"}
    )
    assert quiet.warnings == ()


def test_misspelt_variables_are_warned_of() -> None:
    """A variable that looks like a setting is named; those of others are not."""
    config = _load(environ={"MAILWREN_WORKER": "2", "MAILWREN_PORT_143_TCP_ADDR_SOMETHING": "x"})
    assert config.warnings == ('environment MAILWREN_WORKER is not a setting; did you mean "MAILWREN_WORKERS"?',)


def test_several_listener_options_replace_the_files_listeners() -> None:
    """Listeners of the command line are taken together and instead of the file's."""
    config = _load(
        "version = 1\n[[listen]]\nprotocol = 'imaps'\nhost = '*'\nport = 993\n",
        overrides=[
            Override("listen", "imap:127.0.0.1:0", "--imap"),
            Override("listen", "lmtp:unix:./x", "--lmtp"),
        ],
    )
    assert [listener.protocol for listener in config.listeners] == [ListenProtocol.IMAP, ListenProtocol.LMTP]
    assert config.origins["listen"] == "command line --imap --lmtp"


def test_a_config_can_go_to_another_process() -> None:
    """Worker processes get it as it is."""
    config = _load()
    assert pickle.loads(pickle.dumps(config)) == config

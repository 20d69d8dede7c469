"""The settings of mail in as the configuration gives them: for the server and for ``mailwren deliver`` alike."""

from mailwren.config.settings import Config, OverQuota
from mailwren.delivery.settings import DeliverySettings, LmtpSettings


def delivery_settings(config: Config) -> DeliverySettings:
    """Whose mail is taken, and where it goes."""
    return DeliverySettings(
        accept_any_domain=config.delivery_accept_any_domain,
        domains=frozenset(config.delivery_domains),
        delimiters=config.delivery_delimiters,
        detail_folders=config.delivery_detail_folders,
        limits=config.quota_for(None, None),
        over_quota_permanent=config.delivery_over_quota is OverQuota.PERMANENT,
        spool_folder=config.data,
    )


def lmtp_settings(config: Config) -> LmtpSettings:
    """What the LMTP server allows."""
    return LmtpSettings(
        host=config.server_name,
        message_size=config.message_size_limit,
        recipients=config.delivery_recipients,
        spool_folder=config.data,
    )

// One session of a mail program built on imapflow, against a real server; what it saw is printed as JSON.
// Environment: PORT, SECURE (yes: TLS from the start, no: STARTTLS), CERTIFICATE, MESSAGE (a path), LOGIN, PASSWORD.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { ImapFlow } from 'imapflow';

const { PORT, SECURE, CERTIFICATE, MESSAGE, LOGIN, PASSWORD } = process.env;
const complaints = [];
const complain = (entry) => complaints.push(entry.msg ?? entry.err?.message ?? String(entry));

function connection() {
    const client = new ImapFlow({
        host: '127.0.0.1',
        port: Number(PORT),
        secure: SECURE === 'yes',
        doSTARTTLS: SECURE !== 'yes',
        auth: { user: LOGIN, pass: PASSWORD },
        tls: { ca: readFileSync(CERTIFICATE) },
        logger: { trace() {}, debug() {}, info() {}, warn: complain, error: complain },
    });
    client.on('error', complain);
    return client;
}

const seen = {};
const message = readFileSync(MESSAGE);
const client = connection();
await client.connect();
seen.encrypted = client.secureConnection;
seen.compressed = Boolean(client._inflate && client._deflate);
seen.server = client.serverInfo.name;
seen.namespace = client.namespace;

seen.mailboxes = (await client.list({ statusQuery: { messages: true } })).map(
    ({ path, specialUse, subscribed, status }) => [path, specialUse ?? null, subscribed, status?.messages],
);
seen.created = (await client.mailboxCreate(['Entwürfe', 'Später & nie'])).path;
seen.createdAgain = (await client.mailboxCreate(['Entwürfe', 'Später & nie'])).created;
seen.renamed = (await client.mailboxRename('Entwürfe/Später & nie', '台北')).newPath;
seen.unsubscribed = await client.mailboxUnsubscribe('台北');
seen.tree = (await client.listTree()).folders.map(({ path }) => path);

const appended = await client.append('INBOX', message, ['\\Flagged', '$Work'], new Date('2026-01-02T03:04:05Z'));
seen.appended = [appended.uid, appended.destination];
await client.append('INBOX', message.toString('latin1').replace('Grüße', 'second'), ['\\Seen']);
seen.status = await client.status('INBOX', { messages: true, uidNext: true, unseen: true, recent: true });

let lock = await client.getMailboxLock('INBOX');
try {
    seen.opened = [client.mailbox.path, client.mailbox.exists, client.mailbox.uidNext, client.mailbox.readOnly];
    const query = { uid: true, flags: true, envelope: true, bodyStructure: true, internalDate: true, size: true, source: true };
    const first = await client.fetchOne(1, query);
    seen.first = {
        uid: first.uid,
        flags: [...first.flags].filter((flag) => flag !== '\\Recent').sort(),
        date: first.internalDate.toISOString(),
        size: first.size,
        whole: first.source.equals(message),
        envelope: first.envelope,
        structure: first.bodyStructure,
    };
    const { 1: text } = await client.downloadMany('1', ['1']);
    seen.text = text.content.toString('utf8');
    const download = await client.download('1', '2');
    const octets = [];
    for await (const chunk of download.content) octets.push(chunk);
    seen.attachment = [download.meta.contentType, download.meta.filename, Buffer.concat(octets).toString('base64')];
    seen.headers = String((await client.fetchOne(1, { headers: ['subject'] })).headers);

    seen.search = [
        await client.search({ subject: 'grüsse' }),
        await client.search({ subject: 'GRÜßE' }),
        await client.search({ or: [{ seen: true }, { keyword: '$Work' }] }, { uid: true }),
        await client.search({ since: new Date('2026-01-03'), larger: 10 }),
        await client.search({ header: { 'message-id': 'report@' } }),
    ];
    seen.flagsSet = await client.messageFlagsAdd('1', ['\\Answered', '$Later']);
    seen.flagsRemoved = await client.messageFlagsRemove('1', ['\\Flagged'], { silent: true });
    seen.flags = [...(await client.fetchOne(1, { flags: true })).flags].filter((flag) => flag !== '\\Recent').sort();
    const copied = await client.messageCopy('1:2', 'Archive');
    seen.copied = [copied.destination, [...copied.uidMap]];
    const moved = await client.messageMove({ seen: true }, '台北');
    seen.moved = [moved.destination, [...moved.uidMap], client.mailbox.exists];
} finally {
    lock.release();
}

// A second program on the same account hears of what the first one does, in the order in which it was done.
const watcher = connection();
await watcher.connect();
await watcher.mailboxOpen('INBOX');
const idling = watcher.idle();
const heard = async (event, act) => {
    const pushed = once(watcher, event, { signal: AbortSignal.timeout(20_000) });
    await act();
    const [data] = await pushed;
    return data;
};
lock = await client.getMailboxLock('INBOX');
try {
    const { count, prevCount } = await heard('exists', () => client.append('INBOX', message));
    const { seq, flags } = await heard('flags', () => client.messageFlagsAdd('2', ['\\Seen']));
    const gone = await heard('expunge', () => client.messageDelete('1'));
    seen.pushed = { exists: [prevCount, count], flags: [seq, flags.has('\\Seen')], expunge: gone.seq };
} finally {
    lock.release();
}
await watcher.noop();
await idling;
await watcher.logout();

seen.deleted = (await client.mailboxDelete('台北')).path;
seen.missing = await client.status('台北', { messages: true }).catch((error) => error.code);
await client.logout();
seen.complaints = complaints;
process.stdout.write(JSON.stringify(seen));

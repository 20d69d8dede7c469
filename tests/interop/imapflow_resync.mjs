// A mail program built on imapflow that was away, with QRESYNC and COMPRESS; what it saw is printed as JSON.
// Environment: PORT (plain text), LOGIN, PASSWORD, TASK (look, come back or together), STATE (JSON of a look).
import { once } from 'node:events';
import process from 'node:process';
import { ImapFlow } from 'imapflow';

const { PORT, LOGIN, PASSWORD, TASK, STATE } = process.env;
const complaints = [];
const complain = (entry) => complaints.push(entry.msg ?? entry.err?.message ?? String(entry));

async function connected() {
    const client = new ImapFlow({
        host: '127.0.0.1',
        port: Number(PORT),
        secure: false,
        doSTARTTLS: false,
        auth: { user: LOGIN, pass: PASSWORD },
        qresync: true,
        logger: { trace() {}, debug() {}, info() {}, warn: complain, error: complain },
    });
    client.on('error', complain);
    client.changes = [];
    client.on('flags', ({ uid, flags, modseq }) => client.changes.push(['flags', uid, plain(flags), Boolean(modseq)]));
    client.on('expunge', ({ uid, vanished, earlier }) => client.changes.push(['gone', uid, vanished, earlier]));
    client.on('exists', ({ prevCount, count }) => client.changes.push(['exists', prevCount, count]));
    await client.connect();
    return client;
}

const plain = (flags) => [...flags].filter((flag) => flag !== '\\Recent').sort();

async function messages(client) {
    if (!client.mailbox.exists) return [];
    const rows = await client.fetchAll('1:*', { uid: true, flags: true, emailId: true, threadId: true });
    return rows.map(({ uid, flags, emailId, threadId }) => [uid, plain(flags), Boolean(emailId && threadId)]);
}

async function look(client) {
    await client.mailboxOpen('INBOX');
    const { exists, uidNext, uidValidity, highestModseq, mailboxId } = client.mailbox;
    const state = { uidValidity: String(uidValidity), changedSince: String(highestModseq) };
    return { state, exists, uidNext, named: Boolean(mailboxId), messages: await messages(client) };
}

async function comeBack(client) {
    const { uidValidity, changedSince } = JSON.parse(STATE);
    await client.mailboxOpen('INBOX', { uidValidity: BigInt(uidValidity), changedSince: BigInt(changedSince) });
    const { exists, qresync } = client.mailbox;
    const fetched = [];
    for await (const { uid, flags } of client.fetch('1:*', { flags: true }, { uid: true, changedSince: BigInt(changedSince) })) {
        fetched.push([uid, plain(flags)]);
    }
    return { qresync, exists, fetched, changes: client.changes, messages: await messages(client) };
}

// Two connections in one mailbox and a third beside it: each hears of what the others do, by UID.
async function together(first) {
    const second = await connected();
    const third = await connected();
    await first.mailboxOpen('INBOX');
    await second.mailboxOpen('INBOX');
    const { messages: before, highestModseq } = await third.status('INBOX', { messages: true, highestModseq: true });
    const idling = second.idle();
    const heard = async (event, act) => {
        const pushed = once(second, event, { signal: AbortSignal.timeout(20_000) });
        await act();
        await pushed;
    };
    await heard('flags', () => first.messageFlagsAdd({ uid: '1:*' }, ['$Done']));
    await heard('exists', () => third.append('INBOX', 'Subject: third\r\n\r\nhello\r\n', ['\\Seen']));
    await heard('expunge', () => first.messageMove({ keyword: '$Done' }, 'Archive'));
    await second.noop();
    await idling;
    await first.noop();
    await first.messageFlagsAdd('1:*', ['\\Flagged'], { unchangedSince: highestModseq });
    const after = await third.status('INBOX', { messages: true, highestModseq: true });
    const seen = {
        before,
        after: after.messages,
        advanced: after.highestModseq > highestModseq,
        first: await messages(first),
        second: await messages(second),
        changes: second.changes.filter(([kind]) => kind !== 'exists'),
        counted: second.mailbox.exists,
    };
    await second.logout();
    await third.logout();
    return seen;
}

const client = await connected();
const task = { look, 'come back': comeBack, together }[TASK];
const seen = await task(client);
seen.compressed = Boolean(client._inflate && client._deflate);
seen.enabled = [...client.enabled].sort();
await client.logout();
seen.complaints = complaints;
process.stdout.write(JSON.stringify(seen));

/* SPDX-License-Identifier: 0BSD (do with it what you like) */
/*
 * The script of live_board.html: shows what the stream of /events says, and what state that is in.
 *
 * All that comes from the database is put into the page as text, never as HTML. The browser connects
 * again by itself, with the id of the last event; where it has given up, or nothing was heard for
 * so long that the line must be dead, it is made to, and the id is in the query.
 */
'use strict';

const MOST = 100;       /* as many as the server keeps */
const SILENCE_MS = 25000; /* it says something each ten seconds */
const RETRY_MS = 2000;

const at = id => document.getElementById(id);
const entries = new Map(); /* by key; the newest is the last */
let source = null;
let lastId = '';
let heard = 0;
let database = ''; /* 'live' or 'lost', as the server says; '' before */

function showState(state) {
    const texts = {
        live: 'live',
        reconnecting: 'reconnecting…',
        lost: 'the server has lost the database',
    };
    at('state').dataset.state = state;
    at('state-text').textContent = texts[state];
    at('note').hidden = state === 'live' || entries.size === 0;
    at('note').textContent = 'What you see may be out of date.';
}

function makeItem(entry, isFresh) {
    const item = document.createElement('li');
    item.dataset.key = entry.key;
    item.className = isFresh ? 'fresh' : '';
    for (const [name, text] of [['who', entry.who], ['mark', entry.mark?.toFixed(2) ?? '–'],
                                ['course', entry.course], ['day', entry.day]]) {
        const part = document.createElement('span');
        part.className = name;
        part.textContent = text;
        item.append(part);
    }
    return item;
}

/* Each is in the page once; one that was changed comes to the top. */
function add(entry, isFresh) {
    entries.get(entry.key)?.remove();
    entries.delete(entry.key);
    const item = makeItem(entry, isFresh);
    entries.set(entry.key, item);
    at('list').prepend(item);
    if (entries.size > MOST) {
        const [oldest, oldestItem] = entries.entries().next().value;
        oldestItem.remove();
        entries.delete(oldest);
    }
    showCount();
}

function showCount() {
    at('count').textContent = entries.size === 0 ? 'none yet' : '(' + entries.size + ')';
}

/* What is news to this page shows. */
function takeAll(all) {
    const known = new Set([...entries].map(([key, item]) => key + item.textContent));
    const isFirst = entries.size === 0;
    entries.clear();
    at('list').replaceChildren();
    for (const entry of all)
        add(entry, !isFirst && !known.has(entry.key + makeItem(entry).textContent));
    showCount();
}

function hear(event, what) {
    heard = Date.now();
    if (event.lastEventId)
        lastId = event.lastEventId;
    what(event.data);
}

function connect() {
    source?.close();
    heard = Date.now();
    source = new EventSource('events' + (lastId ? '?after=' + encodeURIComponent(lastId) : ''));
    source.addEventListener('board', e => hear(e, data => takeAll(JSON.parse(data))));
    source.addEventListener('entry', e => hear(e, data => add(JSON.parse(data), true)));
    source.addEventListener('ping', e => hear(e, () => {}));
    source.addEventListener('state', e => hear(e, data => {
        database = data;
        showState(database);
        if (database === 'live')
            getCourses();
    }));
    source.onerror = () => showState('reconnecting');
}

setInterval(() => {
    if (source.readyState === EventSource.CLOSED || Date.now() - heard > SILENCE_MS) {
        showState('reconnecting');
        connect();
    }
}, RETRY_MS);

async function getCourses() {
    if (at('courses').options.length > 0)
        return;
    const answer = await fetch('courses').catch(() => null);
    if (answer?.ok)
        at('courses').replaceChildren(...(await answer.json()).map(c => new Option(c.title, c.id)));
}

at('form').addEventListener('submit', async event => {
    event.preventDefault();
    const form = event.target, said = at('said'), button = form.querySelector('button');
    button.disabled = true;
    const answer = await fetch('completions', {
        method: 'POST',
        body: new URLSearchParams(new FormData(form)),
    }).catch(() => null);
    button.disabled = false;
    said.className = answer?.ok ? '' : 'bad';
    said.textContent = answer ? (await answer.text()).trim() : 'the server cannot be reached';
    if (answer?.ok)
        form.reset();
});

connect();

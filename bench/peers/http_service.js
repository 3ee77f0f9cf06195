// SPDX-License-Identifier: 0BSD (do with it what you like)
//
// http_service.js: /db and /queries of examples/http_service.c over node-postgres, for
// bench/peers/http.
//
//     node http_service.js [--pipeline]     at a free port; by libpq's environment
//
// As its manual has it: a pool, a named statement that each connection prepares once, promises. By
// pool.query() each query has a connection for itself meanwhile; with --pipeline an HTTP request
// takes one connection and sends all of its queries at once. The pool is as large as that of
// http_service.c, and as there a query has a second to wait for a connection and a second to be
// answered in. What else http_service.c does is left out: a client that hangs up, the pool's
// high-water mark, what it counts. SIGTERM stops it.
'use strict'

const http = require('node:http')
const { Pool } = require('pg')

const WORLDS = 10000
const MOST_QUERIES = 500
const DEADLINE_MS = 1000

const pipeline = process.argv.includes('--pipeline')
const pool = new Pool({
  max: 8,
  connectionTimeoutMillis: DEADLINE_MS,
  query_timeout: DEADLINE_MS,
  idleTimeoutMillis: 600000,
  pipeline,
})
pool.on('error', (error) => console.error(error.message))
// One that fails while it is taken would end the process, as after a timeout with --pipeline.
pool.on('connect', (client) => client.on('error', (error) => console.error(error.message)))

function reply(response, status, type, body) {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(body)
}

// By the pool, or by one of its connections.
async function readWorld(db, id) {
  const { rows } = await db.query({
    name: 'world',
    text: 'select id, randomnumber from world where id = $1',
    values: [id],
  })
  return { id: rows[0].id, randomNumber: rows[0].randomnumber }
}

async function readWorlds(ids) {
  if (!pipeline) return Promise.all(ids.map((id) => readWorld(pool, id)))
  const client = await pool.connect()
  try {
    return await Promise.all(ids.map((id) => readWorld(client, id)))
  } finally {
    client.release()
  }
}

// By chance, each once.
function chooseIds(n) {
  const first = Math.floor(Math.random() * WORLDS)
  const step = 1 + 10 * Math.floor(Math.random() * (WORLDS / 10))
  return Array.from({ length: n }, (_, i) => 1 + ((first + i * step) % WORLDS))
}

async function getDb(response) {
  const [world] = await readWorlds(chooseIds(1))
  reply(response, 200, 'application/json', JSON.stringify(world))
}

async function getQueries(response, text) {
  const n = Number(text ?? 1)
  if (!Number.isInteger(n) || n < 1 || n > MOST_QUERIES) {
    reply(response, 400, 'text/plain', `n must be a number from 1 to ${MOST_QUERIES}\n`)
    return
  }
  const worlds = await readWorlds(chooseIds(n))
  reply(response, 200, 'application/json', JSON.stringify(worlds))
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://127.0.0.1')
  try {
    if (url.pathname === '/db') await getDb(response)
    else if (url.pathname === '/queries') await getQueries(response, url.searchParams.get('n'))
    else reply(response, 404, 'text/plain', 'there is no such thing\n')
  } catch (error) {
    console.error(error.message)
    reply(response, 503, 'text/plain', 'the database has not answered\n')
  }
}

const server = http.createServer(answer)
server.listen(0, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/`)
})
process.on('SIGTERM', () => process.exit(0))

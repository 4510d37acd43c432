// Real programs under every layer: the filters must not be in the way of ordinary work.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { compartment, launch, needsRoot, systemLibraries } from './launch.ts'

const skip = needsRoot

test('node: files, workers, child processes, servers, fetch, crypto', { skip }, async () => {
  const there = compartment()
  there.write(
    'main.js',
    `
    const fs = require('fs'), os = require('os'), net = require('net'), zlib = require('zlib'), crypto = require('crypto')
    const { Worker } = require('worker_threads'), { spawnSync } = require('child_process')
    fs.writeFileSync('/tmp/a', 'a'); fs.renameSync('/tmp/a', '/tmp/b'); fs.watch('/tmp').close()
    const facts = { lo: Object.keys(os.networkInterfaces()), child: spawnSync(process.execPath, ['-p', '6*7']).stdout.toString().trim(),
      zip: zlib.gunzipSync(zlib.gzipSync('zip')).toString(), hash: crypto.createHash('sha256').update('x').digest('hex').length }
    new Worker('require("worker_threads").parentPort.postMessage("worker")', { eval: true }).on('message', (text) => {
      facts.worker = text
      const server = net.createServer((s) => s.end('served')).listen(0, '127.0.0.1', () =>
        net.connect(server.address().port, '127.0.0.1').on('data', (d) => { facts.server = String(d); server.close() }).on('close', () =>
          fetch('http://192.0.2.1/').catch((e) => { facts.fetch = e.cause.code; console.log(JSON.stringify(facts)) })))
    })`,
  )
  const folder = dirname(process.execPath)
  const result = await launch({
    in: there,
    exec: '/node/node',
    args: ['/plugin/main.js'],
    env: { PATH: '/usr/bin', HOME: '/tmp' },
    set: { 'memory-bytes': 268435456, processes: 64 },
    add: [
      ...systemLibraries(),
      ['bind-exec', `${execFileSync('realpath', [folder], { encoding: 'utf8' }).trim()}\t/node`],
    ],
  })
  assert.equal(result.stderr, '')
  assert.deepEqual(JSON.parse(result.stdout), {
    lo: ['lo'],
    child: '42',
    zip: 'zip',
    hash: 64,
    worker: 'worker',
    server: 'served',
    fetch: 'ENETUNREACH',
  })
})

const python = '/usr/bin/python3'

test('python: threads, subprocesses, locks, sockets, sqlite, ctypes', {
  skip: skip || (!existsSync(python) && 'no system Python'),
}, async () => {
  const there = compartment()
  there.write(
    'main.py',
    `
import ctypes, multiprocessing, os, socket, sqlite3, ssl, subprocess, sys, tempfile, threading, time, zlib
facts = []
thread = threading.Thread(target=lambda: facts.append("thread")); thread.start(); thread.join()
facts.append(subprocess.run([sys.executable, "-c", "print(6*7)"], capture_output=True, text=True).stdout.strip())
with tempfile.NamedTemporaryFile() as f: f.write(b"x"); facts.append("tmp")
db = sqlite3.connect("/tmp/db"); db.execute("create table t(x)"); db.commit(); facts.append("sqlite")
lock = multiprocessing.Lock(); lock.acquire(); facts.append("lock")
server = socket.create_server(("127.0.0.1", 0)); client = socket.create_connection(server.getsockname()); facts.append("socket")
facts.append(ctypes.CDLL(None).getpid() == os.getpid())
facts.append(os.listdir("/proc/self/fd") != [])
ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 1)()
print(facts)
`,
  )
  const result = await launch({ in: there, exec: python, args: ['-I', '/plugin/main.py'], add: systemLibraries() })
  assert.equal(result.stderr, '')
  assert.equal(result.stdout, "['thread', '42', 'tmp', 'sqlite', 'lock', 'socket', True, True]\n")
  assert.equal(result.status, 0)
})

test('a shell script with its pipes', { skip }, async () => {
  const there = compartment()
  there.write(
    'main',
    '#!/bin/sh\ncat /plugin/main | wc -l | tr -d " "; echo x > /tmp/y; test -r /dev/null && ls /dev | sort | tr "\\n" " "\n',
    0o755,
  )
  const result = await launch({ in: there, add: [...systemLibraries(), ['bind-exec', '/usr/bin\t/bin']] })
  assert.equal(result.stdout, '2\nfd full null random shm stderr stdin stdout urandom zero ')
})

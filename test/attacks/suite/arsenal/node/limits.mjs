// Attacks on what there is only so much of.
import { closeSync, openSync } from 'node:fs'
import { Worker } from 'node:worker_threads'

const MIB = 2 ** 20

/** Outside of V8's heap, whose own size is no wall. */
export async function eat_memory(bytes) {
  const kept = []
  for (let eaten = 0; eaten < Number(bytes); eaten += MIB) kept.push(Buffer.alloc(MIB, 1))
  return `${kept.length} MiB`
}

/** In the heaps of other threads: each has a limit of its own. */
export async function eat_in_workers(bytes) {
  const hog = `const kept = []; for (let i = 0; i < ${Number(bytes) / MIB / 4}; i++) kept.push(Buffer.alloc(${MIB}, 1));
    require('node:worker_threads').parentPort.postMessage(kept.length); setInterval(() => kept.length, 1000)`
  const workers = Array.from({ length: 4 }, () => new Worker(hog, { eval: true }))
  await Promise.all(
    workers.map((worker) => new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))),
  )
  return `${Number(bytes) / MIB} MiB`
}

export async function worker_bomb(count) {
  const options = {
    eval: true,
    resourceLimits: { maxOldGenerationSizeMb: 2, maxYoungGenerationSizeMb: 1, stackSizeMb: 1 },
  }
  const workers = Array.from({ length: Number(count) }, () => new Worker('setInterval(() => {}, 1000)', options))
  const online = workers.map(
    (worker) => new Promise((resolve) => worker.once('online', () => resolve(1)).once('error', () => resolve(0))),
  )
  const made = (await Promise.all(online)).reduce((sum, one) => sum + one, 0)
  return made === workers.length ? made : null
}

export async function open_files(count) {
  const kept = []
  try {
    while (kept.length < Number(count)) kept.push(openSync('/dev/null', 'r'))
  } catch (error) {
    if (error.code !== 'EMFILE') throw error
    return null
  } finally {
    for (const fd of kept) closeSync(fd)
  }
  return count
}

import { statSync } from 'node:fs'
import { type Answer, type Call, decodeAnswer, encodeCall } from './dbus.ts'

/** Whom to talk to, as whom, and what to say; the last call's answer is waited for. */
export interface Conversation {
  readonly socket: string
  readonly uid: number
  readonly calls: readonly Call[]
  readonly waitMs: number
}

/** Says all at once, greeting included, as sd-bus does, and gives the refusal of the last call, or `null`. */
export async function converse({ socket: path, uid, calls, waitMs }: Conversation): Promise<Answer['error']> {
  if (statSync(path).uid !== uid) throw new Error(`${path} belongs to somebody else`)
  const { createConnection } = process.getBuiltinModule('node:net')
  const answered = Promise.withResolvers<Answer['error']>()
  const socket = createConnection(path)
  const timer = setTimeout(() => answered.reject(new Error(`no answer within ${waitMs / 1000} s`)), waitMs)
  let greeted = false
  let pending: Buffer = Buffer.alloc(0)
  const read = (): void => {
    if (!greeted) {
      const end = pending.indexOf('\r\n')
      if (end < 0) return
      const line = pending.toString('latin1', 0, end)
      if (!line.startsWith('OK ')) throw new Error(`it does not accept uid ${uid}: ${line.slice(0, 80)}`)
      greeted = true
      pending = pending.subarray(end + 2)
    }
    for (let message = decodeAnswer(pending); message !== null; message = decodeAnswer(pending)) {
      pending = pending.subarray(message.length)
      if (message.answer.to === calls.at(-1)?.serial) answered.resolve(message.answer.error)
    }
  }
  socket.on('error', answered.reject)
  socket.on('close', () => answered.reject(new Error('it closed the connection')))
  socket.on('data', (chunk: Buffer) => {
    try {
      pending = Buffer.concat([pending, chunk])
      read()
    } catch (error) {
      answered.reject(error)
    }
  })
  // The D-Bus specification, "Authentication Protocol": EXTERNAL takes the uid in decimal, written in hexadecimal.
  const identity = Buffer.from(String(uid), 'latin1').toString('hex')
  const greeting = Buffer.from(`\0AUTH EXTERNAL ${identity}\r\nBEGIN\r\n`, 'latin1')
  socket.write(Buffer.concat([greeting, ...calls.map(encodeCall)]))
  try {
    return await answered.promise
  } finally {
    clearTimeout(timer)
    socket.destroy()
  }
}

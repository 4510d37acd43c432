import type { Connection } from './connection.ts'
import { MessagePace } from './message-pace.ts'
import { OutputStream } from './output-stream.ts'
import { STREAM_STDIO, type StdioData } from './services.ts'

/** What a plugin writes to stdout and stderr once it is served. */
export interface PluginStdio {
  readonly stdout: OutputStream
  readonly stderr: OutputStream
}

/** Asked for once and at once: until then the plugin's own writes may wait. A plugin without the service has no output. */
export function followStdio(connection: Connection): PluginStdio {
  const call = connection.stream(STREAM_STDIO, null)
  const pace = new MessagePace(call, () => stdio.stdout.isFull || stdio.stderr.isFull)
  const onRoom = (): void => pace.goOn()
  const stdio: PluginStdio = { stdout: new OutputStream(onRoom), stderr: new OutputStream(onRoom) }
  const finish = (): void => {
    stdio.stdout.finish()
    stdio.stderr.finish()
  }
  call.on('data', ({ channel, data }: StdioData) => {
    if (channel !== null) stdio[channel].give(data)
    pace.count(data.length)
  })
  call.once('end', finish)
  // Not known to the plugin (Unimplemented), or gone with it: either way there is no more, and `outcome` says what happened.
  call.on('error', finish)
  return stdio
}

import { existsSync } from 'node:fs'
import { runTool } from '../host-tools.ts'
import { heldIn, looseIn, mountIn } from './request.ts'
import { takeDown } from './snapshot.ts'

/**
 * Makes durable what a plugin has written to `/data`, which nobody flushes for it: a change that has come true must not outlive
 * what its hooks did. Nobody walks what is a plugin's: the whole file system is flushed, of an image its own first and then the
 * one that it lies on. What fuse2fs serves is on the disk when that has ended.
 */
export function flushData(data: string, purpose: string): void {
  if (!existsSync(data)) return
  if (process.geteuid?.() !== 0) takeDown(data, purpose)
  const places = [mountIn(data), heldIn(data), looseIn(data)].filter((place) => existsSync(place))
  for (const place of [...places, data]) runTool('sync', ['-f', place], { purpose, code: 'DISK_FAILED' })
}

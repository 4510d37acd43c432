import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export const checkout = resolve(import.meta.dirname, '../..')

const REMOVE = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }

/** The temporary folder the demo plays in: Bulkhead's home, keys, builds and tarballs. Gone when the demo is. */
export class Stage {
  constructor() {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'bulkhead-demo-')))
    this.home = join(this.folder, 'home')
    // So that `plugins/hello` means here what it means in the checkout, and commands read as they would there.
    symlinkSync(join(checkout, 'plugins'), join(this.folder, 'plugins'))
    symlinkSync(join(checkout, 'scripts', 'demo'), join(this.folder, 'demo'))
    mkdirSync(join(this.folder, 'build'))
  }

  path(...parts) {
    return join(this.folder, ...parts)
  }

  /** What a command of the demo may know of its caller: not the caller's own home of Bulkhead, nor options of Node. */
  get env() {
    const { PATH, HOME, USER, LANG, TERM, XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS } = process.env
    const env = { PATH, HOME, USER, LANG, TERM, XDG_RUNTIME_DIR, DBUS_SESSION_BUS_ADDRESS, BULKHEAD_HOME: this.home }
    return Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined))
  }

  /** Many files at a time: some thousands were installed, and one after the other they take seconds on a busy disk. */
  async strike() {
    this.#unmount()
    await rm(this.folder, REMOVE)
  }

  /** The same where nothing can be awaited any more. */
  strikeNow() {
    if (!existsSync(this.folder)) return
    this.#unmount()
    rmSync(this.folder, REMOVE)
  }

  /** A run that was killed may leave the quota of its data mounted; removing the folder would empty it from inside. */
  #unmount() {
    const points = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '))
      .filter((point) => point.startsWith(`${this.folder}/`))
    for (const point of points.reverse()) spawnSync('umount', ['--lazy', point])
  }
}

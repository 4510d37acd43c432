import { spawnSync } from 'node:child_process'
import { compileNow } from './compile.ts'

const CALL = `int main(void) { int pid; __asm__ volatile("int $0x80" : "=a"(pid) : "a"(20)); return pid > 0 ? 0 : 1; }`

/** Does this kernel answer i386's calls at all? One that was started without them ends the program by itself. */
export function answers32BitCalls(): boolean {
  return process.arch === 'x64' && spawnSync(compileNow(CALL, '-O1', '-static')).status === 0
}

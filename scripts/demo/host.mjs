import { Unexpected } from './score.mjs'

const CANNOT_SANDBOX = 5

/** Whether plugins can run here at all. Where they cannot, the doctor says why and what to do, and its exit code is ours. */
export async function canSandbox({ screen, shell }) {
  screen.chapter('Can this host sandbox a plugin?')
  const { code } = await shell.plugins(['doctor'], { exit: [0, CANNOT_SANDBOX] })
  if (code !== CANNOT_SANDBOX) return
  process.exitCode = CANNOT_SANDBOX
  throw new Unexpected('this host cannot run plugins: the lines marked NO above say why, and what would help')
}

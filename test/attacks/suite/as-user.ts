// The campaign of an ordinary user, in a process of that user's: `as-user GIVEN` prints the findings.

import { readSync } from 'node:fs'
import { campaign } from './campaign.ts'
import { Yard } from './yard.ts'

readSync(0, new Uint8Array(1))
const { folder, programs, weaker } = JSON.parse(process.argv[2] ?? '')
const yard = await Yard.open(folder, programs, 'native', weaker)
try {
  process.stdout.write(JSON.stringify(await campaign(yard, 'rootless')))
} finally {
  await yard.close()
}

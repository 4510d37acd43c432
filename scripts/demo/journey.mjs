import { readdirSync, readFileSync, statSync } from 'node:fs'

/** The four reference plugins, what each is run with, and what it must answer. */
const CAST = [
  {
    base: 'hello',
    version: '1.0.0',
    run: { args: ['Ada'], says: ['Hello, Ada!', 'I am acme/hello 1.0.0', /process 2, in \/plugin/] },
  },
  {
    base: 'word-count',
    version: '1.2.3',
    run: { args: [], input: 'build/everything/node_modules/zod/README.md', says: countsOf },
  },
  {
    base: 'table',
    version: '1.0.0',
    run: { args: ['--max-width', '30'], input: 'demo/ships.csv', says: [/^Titanic +1911 +269\.1 /m] },
  },
  // A server: the next chapter talks to it.
  { base: 'everything', version: '2026.8.31', run: null },
]

export const tarballOf = (base, version) => `dist/acme-${base}-${version}.tgz`

/** Who signs, and who may. */
export async function keys({ shell, screen }) {
  screen.chapter('A publisher makes a key')
  screen.say('Without --no-passphrase it would ask for one, and encrypt the secret key with it.')
  await shell.plugins(['keygen', '--out', 'acme', '--no-passphrase'], { says: /ed25519:[0-9a-f]{64}/ })

  screen.chapter('A host decides whose plugins it takes')
  await shell.plugins(['trust', 'add', 'acme.pub', '--for', 'acme/*'], { says: 'acme/*' })
}

/** From a folder to a sandboxed run, for each of the cast. */
export async function journeys(demo) {
  const { screen, shell, summary } = demo
  screen.chapter('The plugins are built: JavaScript, C, Python, and a published MCP server')
  for (const { base } of CAST) await shell.node(['plugins/build.mjs', `plugins/${base}`, `build/${base}`])

  for (const [index, plugin] of CAST.entries()) {
    screen.chapter(`acme/${plugin.base}: from a folder to a run in its sandbox`)
    summary.plugins.push(await journey(demo, plugin, { explain: index === 0 }))
  }
  screen.chapter('What this host has now')
  await shell.plugins(['list'], { says: CAST.map(({ base }) => `acme/${base}`) })
}

async function journey({ shell, stage, score }, { base, version, run }, { explain }) {
  const tarball = tarballOf(base, version)
  const packed = await shell.plugins(['pack', `build/${base}`, '--out', 'dist'], { says: /sha256:[0-9a-f]{64}/ })
  const signed = await shell.plugins(['sign', tarball, '--key', 'acme.key'])
  const verify = ['verify', tarball, ...(explain ? ['--explain'] : [])]
  const verified = await shell.plugins(verify, { says: ': verified, signed by ' })
  const installed = await shell.plugins(['install', tarball, '--yes'], { says: `installed acme/${base} ${version}` })

  let ran = null
  if (run !== null) {
    const says = typeof run.says === 'function' ? run.says(readFileSync(stage.path(run.input))) : run.says
    const args = ['run', `acme/${base}`, ...(run.args.length > 0 ? ['--', ...run.args] : [])]
    ran = await shell.plugins(args, { says, ...(run.input === undefined ? {} : { input: run.input }) })
  }
  const files = filesIn(stage.path('build', base))
  score.expect(files.length > 0, `the build of ${base} holds no files`)
  return {
    name: `acme/${base}`,
    files: files.length,
    bytes: files.reduce((sum, file) => sum + statSync(file).size, 0),
    took: { pack: took(packed), sign: took(signed), verify: took(verified), install: took(installed), run: took(ran) },
  }
}

const took = (command) => (command === null ? '-' : `${command.seconds.toFixed(2)} s`)

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
}

/** The same counts, made the slow way. */
function countsOf(bytes) {
  const words = bytes
    .toString('utf8')
    .split(/\s+/u)
    .filter((word) => word !== '').length
  return [`lines ${bytes.toString('latin1').split('\n').length - 1}`, `words ${words}`, `bytes ${bytes.length}`]
}

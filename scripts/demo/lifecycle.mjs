import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const NAME = 'acme/greeter'
const HOST = 'api.example.com:443'

/** What becomes of a plugin after its install: a registry, updates that come, wait and are undone, and the way back. */
export async function lifecycle(demo) {
  const { stage, shell, screen } = demo
  screen.chapter('A registry: a folder, or any web server that serves one')
  mkdirSync(stage.path('market'))
  await release(demo, '1.0.0')
  await shell.plugins(['registry', 'add', 'acme', './market'])
  await shell.plugins(['search', 'greeter'], { says: NAME })
  await shell.plugins(['install', `${NAME}@^1`, '--yes'], { says: `installed ${NAME} 1.0.0` })

  screen.chapter('Updates: one comes, one waits for consent, one is undone')
  await release(demo, '1.1.0')
  await shell.plugins(['outdated'], { says: '1.1.0' })
  await shell.plugins(['update', '--all'], { says: /acme\/greeter +1\.0\.0 +1\.1\.0 +updated/ })
  await shell.plugins(['run', NAME, '--', 'Ada'], { says: `I am ${NAME} 1.1.0` })
  screen.say('The next one asks for a network. Nobody agreed to that, so the installed version stays.')
  await release(demo, '1.2.0', { permissions: { network: [HOST] } })
  await shell.plugins(['update', '--all'], { says: [/1\.2\.0 +waits/, HOST] })
  screen.say('And one that does not work on this host, by its own health check.')
  await release(demo, '1.3.0', { health: { runtime: 'node', path: 'unwell.mjs' } })
  await shell.plugins(['update', NAME, '--yes'], { exit: 1, says: 'plugins: cannot ' })
  await shell.plugins(['run', NAME, '--', 'Ada'], { says: `I am ${NAME} 1.1.0` })

  screen.chapter('The way back, and the same on another host')
  await shell.plugins(['rollback', NAME], { says: '1.0.0' })
  await shell.plugins(['run', NAME, '--', 'Ada'], { says: `I am ${NAME} 1.0.0` })
  await shell.plugins(['sync', '--write'], { says: 'plugins.lock' })
  await shell.plugins(['sync', '--frozen'])
}

/** A version of it, packed, signed and listed. */
async function release({ stage, shell }, version, more = {}) {
  const folder = stage.path('build', `greeter-${version}`)
  cpSync(stage.path('build', 'hello'), folder, { recursive: true })
  const manifest = JSON.parse(readFileSync(`${folder}/plugin.json`, 'utf8'))
  writeFileSync(`${folder}/plugin.json`, JSON.stringify({ ...manifest, name: NAME, version, ...more }))
  writeFileSync(`${folder}/unwell.mjs`, 'process.exit(1)\n')
  const tarball = `market/acme-greeter-${version}.tgz`
  await shell.plugins(['pack', `build/greeter-${version}`, '--out', 'market'])
  await shell.plugins(['sign', tarball, '--key', 'acme.key'])
  await shell.plugins(['registry', 'build', 'market'])
}

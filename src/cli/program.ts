import { Command, CommanderError, Option } from 'commander'
import { UsageError, version } from '../index.ts'
import type { Io } from './io.ts'
import type { Settings } from './options.ts'

/** What a command module exports: strings in, one library call, text out. Answers its exit code. */
type Action<Args extends readonly unknown[]> = (settings: Settings, io: Io, ...args: Args) => Promise<unknown>

/** The tree of commands. Each command's code is loaded when it is chosen, so that help costs nothing more. */
export async function runProgram(line: readonly string[], io: Io): Promise<number> {
  let exitCode = 0
  const program = new Command('plugins')
    .description('Signed plugins, each in its own watertight compartment.')
    .version(version, '-V, --version')
    .option('--home <DIR>', 'where everything is kept (environment: BULKHEAD_HOME)')
    .option('--json', 'print exactly one JSON document')
    .option('--quiet', 'print no progress and no advice')
    .option('--no-color', 'print no colour (environment: NO_COLOR)')
    .showSuggestionAfterError()
    .helpCommand('help [command]', 'how a command is used')
    .configureOutput({ writeOut: (text) => io.stdout(text), writeErr: () => {} })
    .exitOverride()

  const settings = (): Settings => {
    const { home, json, quiet, color } = program.opts<{
      home?: string
      json?: boolean
      quiet?: boolean
      color: boolean
    }>()
    const wantsColor = color && (process.env.NO_COLOR ?? '') === '' && process.stdout.isTTY === true
    return { home, json: json === true, quiet: quiet === true, color: wantsColor || forcesColor(), columns: io.columns }
  }
  const on =
    <Args extends readonly unknown[]>(load: () => Promise<Action<Args>>) =>
    async (...given: unknown[]) => {
      const action = await load()
      // commander hands the Command itself in last.
      const code = await action(settings(), io, ...(given.slice(0, -1) as unknown as Args))
      if (typeof code === 'number') exitCode = code
    }

  program.commandsGroup('For authors:')
  program
    .command('init')
    .description('write a small working plugin into a new folder')
    .argument('<dir>')
    .requiredOption('--name <NAME>', 'namespace/name')
    .option('--runtime <RUNTIME>', 'exec, node or python', 'node')
    .addHelpText('after', example('plugins init hello --name acme/hello --runtime node'))
    .action(on(async () => (await import('./commands/authors.ts')).init))
  program
    .command('validate')
    .description('check a plugin folder: every fault at once, with its path')
    .argument('<dir>')
    .action(on(async () => (await import('./commands/authors.ts')).validate))
  program
    .command('schema')
    .description('print the JSON Schema of plugin.json')
    .action(on(async () => (await import('./commands/authors.ts')).schema))
  program
    .command('pack')
    .description('pack a plugin folder into a tarball: the same bytes on every machine')
    .argument('<dir>')
    .option('--out <DIR>', 'where the tarball goes', '.')
    .addHelpText('after', example('plugins pack hello --out dist'))
    .action(on(async () => (await import('./commands/authors.ts')).pack))
  program
    .command('keygen')
    .description('make an Ed25519 key pair: PREFIX.key (secret, encrypted) and PREFIX.pub')
    .requiredOption('--out <PREFIX>')
    .option('--no-passphrase', 'leave the secret key unencrypted, for automation')
    .option('--passphrase-file <FILE>', 'read the passphrase from the first line of FILE')
    .addHelpText('after', example('plugins keygen --out acme'))
    .action(on(async () => (await import('./commands/authors.ts')).keygen))
  program
    .command('sign')
    .description('sign a tarball, or add a signature to it: writes TARBALL.sigstore.json, or .jsonl for several')
    .argument('<tarball>')
    .option('--key <FILE>', 'secret key file')
    .option('--passphrase-file <FILE>', 'read the passphrase from the first line of FILE')
    .option('--keyless', 'sign as who you are to an identity provider; the log that shows it is public')
    .option('--identity-token <TOKEN>', '@FILE, or - for standard input; without it the CI system is asked')
    .option('--audience <NAME>', 'for whom the token is made', 'sigstore')
    .option('--fulcio-url <URL>', 'certificate authority of a private Sigstore')
    .option('--rekor-url <URL>', 'its transparency log')
    .addOption(new Option('--rekor-version <N>', 'API of the log').choices(['1', '2']).default('1'))
    .option('--timestamp-url <URL>', 'RFC 3161 authority that says when it was signed')
    .option('--countersign', 'sign that you, who are not the publisher, have looked at it')
    .option('--note <TEXT>', 'what a countersignature says')
    .option('--sequence <N>', "the publisher's own counter, for information")
    .option('--expires <DATE>', 'when the statement ends, ISO 8601')
    .option('--force', 'replace your own signature that is there, and no other')
    .addHelpText('after', example('plugins sign dist/acme-hello-1.0.0.tgz --key acme.key'))
    .action(on(async () => (await import('./commands/sign.ts')).sign))
  program
    .command('rotate')
    .description('say with the old key which key takes its place: a file for the hosts that trust the old one')
    .requiredOption('--old <FILE>', 'secret key file of the key that goes')
    .requiredOption('--new <FILE>', 'public key file of the key that comes')
    .requiredOption('--out <FILE>')
    .option('--passphrase-file <FILE>', 'read the passphrase from the first line of FILE')
    .option('--valid-from <DATE>', 'from when the new key may sign, ISO 8601')
    .option('--old-valid-until <DATE>', 'from when the old key may not, ISO 8601')
    .addHelpText('after', example('plugins rotate --old acme.key --new acme2.pub --out acme.rotation.json'))
    .action(on(async () => (await import('./commands/sign.ts')).rotate))

  program.commandsGroup('For hosts:')
  const trust = program.command('trust').description('who may sign what: reads and edits trust.json')
  trust
    .command('add')
    .description('let a key, or an identity without keys, sign plugins whose name matches a pattern')
    .argument('[pubkey]', 'public key file')
    .requiredOption('--for <PATTERN>', "acme/hello, 'acme/*' or '*/*'")
    .option('--principal <NAME>', 'who signs with it: several keys and identities of one principal count once')
    .option('--threshold <N>', 'how many distinct principals must sign')
    .option('--from <DATE>', 'new installs may rest on it from then on')
    .option('--until <DATE>', 'new installs may rest on it until then')
    .option('--countersigner', 'its countersignature is needed beside the signatures of publishers')
    .option('--predicate <TYPE...>', 'accept statements of this type by other tools too')
    .option('--keyless', 'trust an identity that certificates vouch for (Sigstore) instead of a key')
    .option('--issuer <URL>', 'with --keyless: who vouched for the identity, exactly')
    .option('--identity <SAN>', 'with --keyless: the e-mail address or workflow, exactly')
    .option('--root <NAME>', 'with --keyless: the trusted root whose authorities count (default: public-good)')
    .option('--repository-id <N>', "with --keyless: the repository's number, which a new owner of its name has not")
    .option('--owner-id <N>', "with --keyless: the owner's number")
    .addHelpText('after', example("plugins trust add acme.pub --for 'acme/*'"))
    .action(on(async () => (await import('./commands/trust.ts')).trustAdd))
  trust
    .command('list')
    .description('who may sign what')
    .argument('[name]', 'only what decides about this plugin')
    .action(on(async () => (await import('./commands/trust.ts')).trustList))
  trust
    .command('remove')
    .description('take a principal or a key out of the policy')
    .argument('<id>')
    .option('--for <PATTERN>', 'only there')
    .action(on(async () => (await import('./commands/trust.ts')).trustRemove))
  trust
    .command('revoke')
    .description(
      'never again accept a key, an identity, a principal, releases or a tarball: not to install, not to run',
    )
    .argument('<target>', 'key id, principal, "ISSUER IDENTITY", NAME@VERSION, "NAME@RANGE" or sha256:DIGEST')
    .requiredOption('--reason <TEXT>')
    .option('--since <DATE>', 'compromised since then: spares what carries a trusted timestamp from before')
    .option('--stop', 'also end what runs of it')
    .action(on(async () => (await import('./commands/trust-revoke.ts')).trustRevoke))
  trust
    .command('rotate')
    .description('let a new key sign beside an old one that vouches for it, as its publisher asks in FILE')
    .argument('<file>', 'made with: plugins rotate')
    .option('--yes', 'agree to what it changes')
    .addHelpText('after', example('plugins trust rotate acme.rotation.json'))
    .action(on(async () => (await import('./commands/trust-rotate.ts')).trustRotate))
  trust
    .command('simulate')
    .description('what a change would come to for everything that is installed; nothing is written')
    .argument('[file]', 'a whole trust.json to be')
    .option('--revoke <TARGET>', 'as plugins trust revoke would')
    .option('--since <DATE>', 'with --revoke: compromised since then')
    .option('--remove <ID>', 'as plugins trust remove would')
    .option('--for <PATTERN>', 'with --remove: only there')
    .addHelpText('after', example("plugins trust simulate --revoke 'acme/hello@<1.2.0'"))
    .action(on(async () => (await import('./commands/trust-simulate.ts')).trustSimulate))
  trust
    .command('clock')
    .description('this clock, and the latest moment it has shown: behind that, nothing is judged')
    .option('--reset', 'the latest moment was a wrong one: forget it (recorded)')
    .option('--reason <TEXT>', 'why')
    .action(on(async () => (await import('./commands/clock.ts')).trustClock))
  const root = trust.command('root').description('Sigstore instances whose certificates and timestamps count here')
  root
    .command('add')
    .description('take over the trusted root of a Sigstore instance, to check it offline')
    .argument('<file>', "that instance's trusted_root.json")
    .option('--name <NAME>', 'what identities are bound to (default: from the file name)')
    .addHelpText('after', example('plugins trust root add acme.trusted_root.json --name acme'))
    .action(on(async () => (await import('./commands/trust-root.ts')).rootAdd))
  root
    .command('list')
    .description('those that are there; public-good comes with Bulkhead')
    .action(on(async () => (await import('./commands/trust-root.ts')).rootList))
  root
    .command('remove')
    .description('take one out again')
    .argument('<name>')
    .action(on(async () => (await import('./commands/trust-root.ts')).rootRemove))
  program
    .command('verify')
    .description('check a tarball, an installed plugin, or all of them')
    .argument('[target]', 'X.tgz, or NAME of an installed plugin')
    .option('--all', 'every installed plugin')
    .option('--quarantine', 'with --all: put away what is not to be trusted any more')
    .option('--explain', 'a row per check')
    .action(on(async () => (await import('./commands/verify.ts')).verify))
  program
    .command('install')
    .description('verify and install a plugin')
    .argument('<tarball>')
    .option('--yes', 'agree to what it asks for')
    .option('--allow-downgrade', 'accept an older version than was installed before (recorded)')
    .option('--allow-unsigned <NAME>', 'accept this one plugin without any signature (recorded); needs --until')
    .option('--until <TIME>', 'when that ends: a duration such as 7d, or a date; at most 30 days away')
    .addHelpText('after', example('plugins install dist/acme-hello-1.0.0.tgz --yes'))
    .action(on(async () => (await import('./commands/install.ts')).install))
  program
    .command('list')
    .alias('ls')
    .description('what is installed')
    .action(on(async () => (await import('./commands/installed.ts')).list))
  program
    .command('info')
    .description('everything known about an installed plugin')
    .argument('[name]')
    .option('--signers', 'who signed it and what it was judged by, running releases too; without a name, of all')
    .action(on(async () => (await import('./commands/installed.ts')).info))
  program
    .command('enable')
    .description('let a disabled plugin run again; one in quarantine, if it is found good')
    .argument('<name>')
    .action(on(async () => (await import('./commands/installed.ts')).enable))
  program
    .command('disable')
    .description('keep a plugin installed but refuse to run it')
    .argument('<name>')
    .action(on(async () => (await import('./commands/installed.ts')).disable))
  program
    .command('remove')
    .alias('rm')
    .description('remove a plugin; its data stays unless --purge')
    .argument('<name>')
    .option('--purge', 'delete its data and give its user id back')
    .option('--yes', 'agree to delete its data')
    .action(on(async () => (await import('./commands/installed.ts')).remove))

  program.commandsGroup('Running:')
  program
    .command('run')
    .description('run a plugin in its sandbox; stdin, stdout, stderr and signals are its own')
    .argument('<name>')
    .option('--report <FILE>', 'write the outcome to FILE, as JSON')
    .option('--timeout <DURATION>', 'end it after so long, such as 5s (may only narrow)')
    .addOption(new Option('--profile <NAME>', 'limits to start from').choices(['development', 'production', 'strict']))
    .option('--weaker <LAYER>', 'run without a layer this host cannot give (recorded; repeat for more)')
    .option(
      '--report-denials',
      'for authors: tell which system calls were denied and which paths are not there (advisory)',
    )
    .addOption(new Option('--engine <NAME>', 'who builds the sandbox').choices(['native', 'runc', 'crun', 'runsc']))
    .option('--dry-run', 'print the plan and run nothing')
    .argument('[args...]', 'after --: arguments of the plugin')
    .addHelpText('after', example('plugins run acme/hello -- Ada'))
    .action(async () => {
      // Parsed by the parser of the hot path, so that both ways in understand the same.
      const [{ parseRun }, { runCommand }] = await Promise.all([
        import('./commands/run-arguments.ts'),
        import('./commands/run.ts'),
      ])
      const run = parseRun(line)
      if (run === null)
        throw new UsageError('USAGE', 'cannot run: no plugin named', { hint: 'plugins run NAME [-- ARGS]' })
      exitCode = await runCommand(run, io)
    })
  program
    .command('ps')
    .description('what runs now, whoever started it')
    .argument('[name]')
    .action(on(async () => (await import('./commands/ps.ts')).ps))
  program
    .command('stats')
    .description('what running plugins use: processor, memory, processes, files, disk, network')
    .argument('[name]')
    .option('--watch', 'go on until Ctrl-C: a table in a terminal, else a JSON document a line')
    .option('--interval <DURATION>', 'time between two looks, such as 2s')
    .addHelpText('after', example('plugins stats --watch'))
    .action(on(async () => (await import('./commands/stats.ts')).stats))
  program
    .command('logs')
    .description('what a plugin wrote to its standard error, over all its runs')
    .argument('<name>')
    .option('--run <ID>', 'of this run alone')
    .option('--follow', 'go on with what comes, until Ctrl-C')
    .option('--lines <N>', 'the newest so many, or all', '100')
    .option('--since <TIME>', 'only what came since: a duration such as 10m, or a date')
    .option('--raw', 'the bytes as the plugin wrote them, without times; a terminal obeys them')
    .addHelpText('after', example('plugins logs acme/weather --follow'))
    .action(on(async () => (await import('./commands/logs.ts')).logs))
  program
    .command('stop')
    .description('end the runs of a plugin: SIGTERM, a grace, then all its processes')
    .argument('[name]')
    .option('--run <ID>', 'this run alone')
    .option('--all', 'whatever runs')
    .option('--grace <DURATION>', 'time to end by itself, such as 10s, or 0', '5s')
    .addHelpText('after', example('plugins stop acme/weather --grace 1s'))
    .action(on(async () => (await import('./commands/stop.ts')).stop))
  program
    .command('history')
    .description('past runs, how each ended and what it used')
    .argument('[name]')
    .option('--limit <N>', 'how many', '20')
    .option('--run <ID>', 'everything about one run')
    .option('--minutes', 'averages and peaks of each minute instead')
    .action(on(async () => (await import('./commands/history.ts')).history))

  program.commandsGroup('For operators:')
  program
    .command('doctor')
    .description('which layers of the sandbox this host gives, and how to get the others')
    .addOption(
      new Option(
        '--print <FILE>',
        'print what allows it instead: a profile for a container engine, or for AppArmor',
      ).choices(['seccomp', 'apparmor']),
    )
    .action(on(async () => (await import('./commands/doctor.ts')).doctor))
  program
    .command('audit')
    .description('the trail of decisions')
    .argument('[subject]')
    .option('--verify', 'check the hash chain; with --head COUNT:HASH, also that it still leads through that head')
    .option('--head [COUNT:HASH]', 'print where the trail ends, as COUNT:HASH, to be kept elsewhere')
    .option('--syslog', 'send the head to syslog too')
    .option('--limit <N>', 'how many', '50')
    .action(on(async () => (await import('./commands/audit.ts')).audit))

  try {
    await program.parseAsync(line as string[], { from: 'user' })
    return exitCode
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return 0
    if (error.code === 'commander.help') {
      throw new UsageError('USAGE', 'cannot go on: no command named', {
        hint: `${[program.name(), ...line].join(' ')} --help lists the commands`,
      })
    }
    throw new UsageError('USAGE', sentence(error.message), { hint: 'plugins --help lists the commands' })
  }
}

const example = (line: string): string => `\nExample:\n  $ ${line}\n`

/** commander says "error: unknown command 'x'\n(Did you mean y?)"; ours begin with "cannot". */
const sentence = (message: string): string =>
  `cannot understand the command line: ${message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .trim()}`

/** The CLICOLOR convention: colour although the output is no terminal. */
const forcesColor = (): boolean => !['', '0', undefined].includes(process.env.CLICOLOR_FORCE)

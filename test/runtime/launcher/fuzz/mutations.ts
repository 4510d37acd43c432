// Breaks a valid specification, each time against a rule of SPEC.md that is named. What comes out is never valid.

import { pick, type Random } from '../../../fuzz/random.ts'
import type { Fields } from '../launch.ts'

/** Keys that may come more than once. */
const REPEATED = new Set([
  'arg',
  'env',
  'bind',
  'bind-exec',
  'symlink',
  'skeleton',
  'io-device',
  'weaker',
  'network',
  'network-private',
  'engine-create',
  'engine-start',
  'engine-delete',
])
const REQUIRED = [
  'run',
  'mode',
  'uid',
  'gid',
  'root',
  'exec',
  'arg',
  'cwd',
  'files',
  'memory-bytes',
  'processes',
  'landlock-abi',
]
const PATHS = new Set([
  'root',
  'data',
  'exec',
  'cwd',
  'cgroup2',
  'cgroup1-memory',
  'cgroup1-pids',
  'cgroup1-cpu',
  'cgroup1-blkio',
])
/** Where more is no number of its key any more. */
const BOUNDS: Readonly<Record<string, string>> = {
  uid: '4294967295',
  gid: '4294967295',
  processes: '4194304',
  files: '1048577',
  'cpu-permille': '4096001',
  'tmp-inodes': '4294967296',
  'landlock-abi': '1001',
  proc: '2',
  control: '2',
  'unix-sockets': '2',
}
const BEYOND = '9007199254740993'
const KNOWN = new Set([...REPEATED, ...REQUIRED, ...PATHS, ...Object.keys(BOUNDS), 'version', 'name', 'idmap', 'end'])

type Break = (fields: Fields, random: Random) => Fields | Buffer

const encode = (fields: Fields): Buffer =>
  Buffer.from(fields.map(([key, value]) => `${key}=${value}\0`).join(''), 'utf8')
/** Between the first field and the last. */
const insert = (fields: Fields, random: Random, ...extra: Fields): Fields => {
  const at = 1 + random(fields.length - 1)
  return [...fields.slice(0, at), ...extra, ...fields.slice(at)]
}
const replace = (fields: Fields, key: string, value: string): Fields =>
  fields.map((field) => (field[0] === key ? ([key, value] as const) : field))
const isNumber = ([, value]: Fields[number]): boolean => typeof value === 'number'

export const BREAKS: Readonly<Record<string, Break>> = {
  'it is cut short': (fields, random) => {
    const bytes = encode(fields)
    return bytes.subarray(0, random(bytes.length))
  },
  'bytes follow its end': (fields, random) =>
    Buffer.concat([encode(fields), Buffer.from(Array.from({ length: 1 + random(40) }, () => random(256)))]),
  'a bit of a key is another': (fields, random) => {
    const at = 1 + random(fields.length - 2)
    const [key, value] = fields[at] as Fields[number]
    const bytes = Buffer.from(key)
    for (;;) {
      const changed = Buffer.from(bytes)
      const where = random(changed.length)
      changed[where] = (changed[where] ?? 0) ^ (1 << random(8))
      const field = Buffer.concat([changed, Buffer.from(`=${value}\0`)])
      // What now stands before the first "=": none of the keys there are.
      if (KNOWN.has(field.toString('latin1').split(/[=\0]/)[0] ?? '')) continue
      return Buffer.concat([encode(fields.slice(0, at)), field, encode(fields.slice(at + 1))])
    }
  },
  'a key is unknown': (fields, random) => {
    const letters = Array.from({ length: 1 + random(30) }, () => String.fromCharCode(97 + random(26))).join('')
    return insert(fields, random, [KNOWN.has(letters) ? `x-${letters}` : `${letters}-x`, pick(['', '1', '/x'], random)])
  },
  'a field has no value': (fields, random) => {
    const at = 1 + random(fields.length - 1)
    return Buffer.concat([encode(fields.slice(0, at)), Buffer.from('word\0'), encode(fields.slice(at))])
  },
  'a key comes twice': (fields, random) => {
    const [key, value] = pick(
      fields.slice(1, -1).filter(([name]) => !REPEATED.has(name)),
      random,
    )
    return insert(fields, random, [key, random(2) === 0 ? value : 1])
  },
  'a required key is missing': (fields, random) => {
    const key = pick(REQUIRED, random)
    return fields.filter(([name]) => name !== key)
  },
  'a number is none': (fields, random) => {
    const [key, value] = pick(fields.slice(1, -1).filter(isNumber), random)
    const wrong = [
      '',
      `-${value}`,
      `+${value}`,
      `0${value}`,
      ` ${value}`,
      `${value} `,
      `${value}x`,
      `0x${value}`,
      `${value}e1`,
    ]
    return replace(
      fields,
      key,
      pick([...wrong, `${value}.0`, '٣', `${value}\n`, BEYOND, '99999999999999999999'], random),
    )
  },
  'a number is beyond its bound': (fields, random) => {
    const [key] = pick(
      fields.slice(1, -1).filter((field) => isNumber(field) && Object.hasOwn(BOUNDS, field[0])),
      random,
    )
    return replace(fields, key, BOUNDS[key] as string)
  },
  'a path is not in normal form': (fields, random) => {
    const [key, value] = pick(
      fields.filter(([name]) => PATHS.has(name)),
      random,
    )
    const wrong = [
      '',
      'x',
      `${value}/`,
      `/${value}`,
      `${value}/.`,
      `${value}/..`,
      `${value}//x`,
      `/..${value}`,
      `.${value}`,
    ]
    return replace(fields, key, pick([...wrong, `${value}/${'x'.repeat(256)}`, `/${'x/'.repeat(2100)}x`], random))
  },
  'a choice is none': (fields, random) =>
    pick<Fields>(
      [
        replace(fields, 'mode', pick(['', 'Root', 'admin', 'root ', 'user\n'], random)),
        insert(fields, random, ['idmap', pick(['', 'helper', 'DIRECT', 'both'], random)]),
        insert(fields, random, ['weaker', pick(['', 'all', 'Seccomp', 'seccomp,landlock', 'seccomp '], random)]),
        replace(fields, 'run', pick(['', 'A', 'a/b', '..', 'a b', 'x'.repeat(65)], random)),
        insert(fields, random, ['report-denials', '1'], ['weaker', 'seccomp']),
        insert(fields, random, ['connections', '1']),
        insert(fields, random, ['engine-create', '/bin/true']),
        insert(fields, random, ['report-file', '/tmp/x']),
      ],
      random,
    ),
  'a pair is none': (fields, random) =>
    insert(
      fields,
      random,
      pick<Fields[number]>(
        [
          ['bind', '/etc'],
          ['bind', '/etc\t'],
          ['bind', '\t/etc'],
          ['bind', '/etc\t/'],
          ['bind-exec', '/etc\t../x'],
          ['skeleton', '/'],
          ['symlink', 'x'],
          ['env', '=x'],
          ['env', 'PATH'],
          ['io-device', '7'],
          ['io-device', '7:0 x'],
        ],
        random,
      ),
    ),
  'it does not begin with its version': (fields, random) =>
    pick<Fields>(
      [
        fields.slice(1),
        replace(fields, 'version', pick(['', '0', '2', '01', '1 '], random)),
        [fields[1] as never, ...fields],
      ],
      random,
    ),
  'its end is none': (fields, random) => replace(fields, 'end', pick(['', '0', '2', '1 '], random)),
  'an id is that of root, or Landlock is not asked for': (fields, random) =>
    replace(fields, pick(['uid', 'gid', 'landlock-abi'], random), '0'),
  'it is too large': (fields, random) =>
    random(2) === 0
      ? insert(fields, random, ['arg', 'x'.repeat(1 << 20)])
      : insert(fields, random, ...Array.from({ length: 4096 }, () => ['arg', 'x'] as const)),
}

/** Order is free, but for the first and the last, and among fields of one key. */
export function shuffled(fields: Fields, random: Random): Fields {
  const middle = fields.slice(1, -1)
  const order = middle.map((field) => field)
  for (let at = order.length - 1; at > 0; at--) {
    const other = random(at + 1)
    ;[order[at], order[other]] = [order[other] as Fields[number], order[at] as Fields[number]]
  }
  const queues = new Map<string, Fields[number][]>()
  for (const field of middle) queues.set(field[0], [...(queues.get(field[0]) ?? []), field])
  return [
    fields[0] as Fields[number],
    ...order.map(([key]) => queues.get(key)?.shift() as Fields[number]),
    fields.at(-1) as Fields[number],
  ]
}

/** One broken specification, and the rule it breaks. */
export function broken(fields: Fields, random: Random): { readonly rule: string; readonly bytes: Buffer } {
  const rule = pick(Object.keys(BREAKS), random)
  const made = (BREAKS[rule] as Break)(shuffled(fields, random), random)
  return { rule, bytes: Buffer.isBuffer(made) ? made : encode(made) }
}

/** As driver.c and parse.c read it. */
export function corpusOf(all: readonly Buffer[]): Buffer {
  return Buffer.concat(
    all.flatMap((bytes) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      return [length, bytes]
    }),
  )
}

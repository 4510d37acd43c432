import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reasonIn } from '../../src/core/last-words.ts'

const SAID: readonly (readonly [what: string, lines: readonly string[], reason: string | null])[] = [
  ['nothing', [], null],
  ['empty lines', ['', '  '], null],
  ['a line for people', ['cannot open the door'], 'cannot open the door'],
  [
    'a sentence over lines',
    ['1', 'This is a plugin.', 'Start the program', 'that loads it.'],
    'This is a plugin. | Start the program | that loads it.',
  ],
  [
    'Python, of two the one that nobody caught',
    ['KeyError: 1', 'During handling of it:', 'Traceback:', '  File "main.py", line 4', 'db.NoSuchError: no database'],
    'db.NoSuchError: no database',
  ],
  ['Python without words', ['Traceback:', '  raise KeyboardInterrupt', 'KeyboardInterrupt'], 'KeyboardInterrupt'],
  [
    'Node, where the stack stands below',
    [
      'file:///main.mjs:1',
      'throw new Error("x")',
      '^',
      '',
      'Error: x',
      '    at file:///main.mjs:1:7',
      '',
      'Node.js v24.21.0',
    ],
    'Error: x',
  ],
  [
    'Node with a code',
    ["Error [ERR_MODULE_NOT_FOUND]: Cannot find module './plugin.js'", '  at x {', "  code: 'ERR'", '}', 'Node.js v24'],
    "Error [ERR_MODULE_NOT_FOUND]: Cannot find module './plugin.js'",
  ],
  ['Go', ['panic: no luck', '', 'goroutine 1 [running]:', 'main.main()'], 'panic: no luck'],
  ['nothing that says anything', ['    at a (b:1:1)', 'Node.js v24.21.0'], 'at a (b:1:1) | Node.js v24.21.0'],
]

for (const [what, lines, reason] of SAID)
  test(`the reason among the last words: ${what}`, () => {
    assert.equal(reasonIn(lines), reason)
  })

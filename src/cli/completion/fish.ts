import type { Kind } from '../verbs/verb.ts'
import { type Node, nodes, valued } from './tree.ts'

/** A program for fish, for a file plugins.fish in its folder of completions. */
export function fishCompletion(): string {
  const all = nodes()
  return `# fish completion of plugins, made with: plugins completion fish
# Prints where the command line is: the place, how many operands came after it, and the home.
function __plugins_where
    set -l place /
    set -l operand 0
    set -l home ''
    set -l flag ''
    set -l ended 0
    set -l tokens (commandline -opc)
    for word in $tokens[2..-1]
        if test -n "$flag"
            test "$flag" = --home; and set home $word
            set flag ''
        else if test $ended = 1
            set operand (math $operand + 1)
        else if test "$word" = --
            set ended 1
        else if string match -q -- '--home=*' $word
            set home (string sub -s 8 -- $word)
        else if string match -q -- '-*' $word
            switch "$place:$word"
                case ${valued(all)
                  .map((pattern) => `'${pattern}'`)
                  .join(' ')}
                    set flag $word
            end
        else
            switch "$place:$word"
${steps(all)}
                case '*'
                    set operand (math $operand + 1)
            end
        end
    end
    printf '%s\\n' $place $operand $ended "$home"
end

# __plugins_at PLACE [OPERAND]: a number for that operand, 2+ for the third and what follows.
function __plugins_at
    set -l where (__plugins_where)
    test "$where[1]" = "$argv[1]"; and test $where[3] = 0; or return 1
    set -q argv[2]; or return 0
    if string match -q '*+' -- $argv[2]
        test $where[2] -ge (string replace '+' '' -- $argv[2])
    else
        test $where[2] = $argv[2]
    end
end

function __plugins_names
    set -l where (__plugins_where)
    if test -n "$where[4]"
        command plugins __complete names --home "$where[4]" 2>/dev/null </dev/null
    else
        command plugins __complete names 2>/dev/null </dev/null
    end
end

function __plugins_ended
    test (__plugins_where)[3] = 1
end

complete -c plugins -f
complete -c plugins -n __plugins_ended -F
${all.flatMap(linesOf).join('\n')}
`
}

const steps = (all: readonly Node[]): string =>
  all
    .flatMap(({ path, verbs }) =>
      verbs.map(({ word, to }) => `                case '${path}:${word}'\n                    set place ${to}`),
    )
    .join('\n')

function linesOf({ path, verbs, flags, operands }: Node): string[] {
  return [
    ...verbs
      .filter(({ word, to }) => to.endsWith(`/${word}`))
      .map(({ word, what }) => `complete -c plugins -n '__plugins_at ${path} 0' -a ${word} -d ${quoted(what)}`),
    ...flags.map(({ word, what, takesValue, kind }) => {
      const value = kind === undefined ? (takesValue ? ' -x' : '') : ` -r ${propose(kind)}`
      return `complete -c plugins -n '__plugins_at ${path}' -l ${word.slice(2)}${value} -d ${quoted(what)}`
    }),
    ...operands.flatMap(({ kind, isRepeated }, at) =>
      kind === undefined
        ? []
        : [`complete -c plugins -n '__plugins_at ${path} ${at}${isRepeated ? '+' : ''}' ${propose(kind)}`],
    ),
  ]
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function propose(kind: Kind): string {
  if (typeof kind === 'object') return `-f -a ${quoted(kind.join(' '))}`
  if (kind === 'plugin') return "-f -a '(__plugins_names)'"
  if (kind === 'tarball') return "-k -f -a '(__fish_complete_suffix .tgz)'"
  if (kind === 'tarball-or-plugin') return "-k -f -a '(__plugins_names; __fish_complete_suffix .tgz)'"
  return kind === 'folder' ? "-f -a '(__fish_complete_directories)'" : '-F'
}

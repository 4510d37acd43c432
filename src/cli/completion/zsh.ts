import type { Kind } from '../verbs/verb.ts'
import { type Node, nodes, valued } from './tree.ts'

/** A program for zsh: to be sourced after compinit, or as a file _plugins in a folder of fpath. */
export function zshCompletion(): string {
  const all = nodes()
  return `#compdef plugins
# zsh completion of plugins, made with: plugins completion zsh
_plugins_names() {
  local -a found
  if [[ -n $1 ]]; then
    found=(\${(f)"$(command plugins __complete names --home "$1" 2>/dev/null </dev/null)"})
  else
    found=(\${(f)"$(command plugins __complete names 2>/dev/null </dev/null)"})
  fi
  (( $#found )) && compadd -a found
}

_plugins() {
  local flag='' place=/ home='' word
  local -i at operand=0 ended=0
  local -a proposed
  for (( at = 2; at < CURRENT; at++ )); do
    word=\${words[at]}
    if [[ -n $flag ]]; then
      [[ $flag == --home ]] && home=$word
      flag=''
    elif (( ended )); then
      operand+=1
    elif [[ $word == -- ]]; then
      ended=1
    elif [[ $word == --home=* ]]; then
      home=\${word#--home=}
    elif [[ $word == -* ]]; then
      case $place:$word in
        (${valued(all).join('|')}) flag=$word ;;
      esac
    else
      case $place:$word in
${steps(all)}
        (*) operand+=1 ;;
      esac
    fi
  done
  if (( ! ended )) && [[ -z $flag ]] && compset -P '--[a-z-]#='; then
    flag=\${IPREFIX%=}
  fi
  if (( ended )); then
    _files
  elif [[ -n $flag ]]; then
    case $place:$flag in
${flagValues(all)}
    esac
  elif [[ $PREFIX == -* ]]; then
    case $place in
${all.map(flagsOf).join('\n')}
    esac
    _describe -o option proposed
  else
    case $place in
${all.flatMap(verbsOrOperands).join('\n')}
    esac
  fi
}

if [[ $funcstack[1] == _plugins ]]; then
  _plugins "$@"
else
  compdef _plugins plugins
fi
`
}

const steps = (all: readonly Node[]): string =>
  all.flatMap(({ path, verbs }) => verbs.map(({ word, to }) => `        (${path}:${word}) place=${to} ;;`)).join('\n')

const flagValues = (all: readonly Node[]): string =>
  all
    .flatMap(({ path, flags }) =>
      flags
        .filter(({ kind }) => kind !== undefined)
        .map(({ word, kind }) => `      (${path}:${word}) ${propose(kind)} ;;`),
    )
    .join('\n')

const flagsOf = ({ path, flags }: Node): string =>
  `      (${path}) proposed=(${flags.map(({ word, what }) => described(word, what)).join(' ')}) ;;`

function verbsOrOperands({ path, verbs, operands }: Node): string[] {
  if (verbs.length > 0) {
    const words = verbs.filter(({ word, to }) => to.endsWith(`/${word}`)).map(({ word, what }) => described(word, what))
    return [`      (${path}) (( operand == 0 )) && { proposed=(${words.join(' ')}); _describe command proposed } ;;`]
  }
  const lines = operands.flatMap(({ kind, isRepeated }, at) =>
    kind === undefined ? [] : [`(( operand ${isRepeated ? '>=' : '=='} ${at} )) && { ${propose(kind)} }`],
  )
  return lines.length === 0 ? [] : [`      (${path}) ${lines.join('; ')} ;;`]
}

/** `'--yes:agree to it'`: a colon ends the word, and a quote the text. */
const described = (word: string, what: string): string =>
  `'${`${word.replaceAll(':', '\\:')}:${what.replaceAll(':', '\\:')}`.replaceAll("'", "'\\''")}'`

function propose(kind: Kind | undefined): string {
  if (typeof kind === 'object') return `compadd -- ${kind.join(' ')}`
  if (kind === 'plugin') return '_plugins_names "$home"'
  if (kind === 'tarball') return "_files -g '*.(tgz|tar.gz)(-.)'"
  if (kind === 'tarball-or-plugin') return '_plugins_names "$home"; _files -g \'*.(tgz|tar.gz)(-.)\''
  return kind === 'folder' ? '_files -/' : '_files'
}

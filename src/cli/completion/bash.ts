import type { Kind } from '../verbs/verb.ts'
import { type Node, nodes, valued } from './tree.ts'

/** A program for bash, from 4.4 on, that needs no bash-completion. Every word in it is ours, of the table of commands. */
export function bashCompletion(): string {
  const all = nodes()
  return `# bash completion of plugins, made with: plugins completion bash
_plugins_propose() {
  local word
  for word in "\${@:2}"; do [[ $word == "$1"* ]] && COMPREPLY+=("$word"); done
}

_plugins_names() {
  local name home=()
  [[ -n $2 ]] && home=(--home "$2")
  while IFS= read -r name; do
    [[ $name == "$1"* ]] && COMPREPLY+=("$name")
  done < <(command plugins __complete names "\${home[@]}" 2>/dev/null </dev/null)
}

_plugins_files() {
  local file
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do
    case $2 in
      tarball) [[ -d $file || $file == *.tgz || $file == *.tar.gz ]] || continue ;;
      folder) [[ -d $file ]] || continue ;;
    esac
    COMPREPLY+=("$file")
  done < <(compgen -f -- "$1")
}

_plugins() {
  local cur=\${COMP_WORDS[COMP_CWORD]} flag='' place=/ home='' word
  local -i at operand=0 ended=0
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    # bash takes --flag=value for three words.
    if [[ $word == = ]]; then
      [[ \${COMP_WORDS[at - 1]} == -* ]] && flag=\${COMP_WORDS[at - 1]}
      continue
    fi
    if [[ -n $flag ]]; then
      [[ $flag == --home ]] && home=$word
      flag=''
    elif ((ended)); then
      operand+=1
    elif [[ $word == -- ]]; then
      ended=1
    elif [[ $word == -* ]]; then
      case $place:$word in
        ${valued(all).join(' | ')}) flag=$word ;;
      esac
    else
      case $place:$word in
${steps(all)}
        *) operand+=1 ;;
      esac
    fi
  done
  if [[ $cur == = ]]; then
    [[ \${COMP_WORDS[COMP_CWORD - 1]} == -* ]] && flag=\${COMP_WORDS[COMP_CWORD - 1]}
    cur=''
  fi
  if ((ended)); then
    _plugins_files "$cur" file
  elif [[ -n $flag ]]; then
    case $place:$flag in
${flagValues(all)}
    esac
  elif [[ $cur == -* ]]; then
    case $place in
${all.map(({ path, flags }) => `      ${path}) _plugins_propose "$cur" ${flags.map(({ word }) => word).join(' ')} ;;`).join('\n')}
    esac
  else
    case $place in
${all.flatMap(verbsOrOperands).join('\n')}
    esac
  fi
}

complete -F _plugins plugins
`
}

const steps = (all: readonly Node[]): string =>
  all.flatMap(({ path, verbs }) => verbs.map(({ word, to }) => `        ${path}:${word}) place=${to} ;;`)).join('\n')

const flagValues = (all: readonly Node[]): string =>
  all
    .flatMap(({ path, flags }) =>
      flags
        .filter(({ kind }) => kind !== undefined)
        .map(({ word, kind }) => `      ${path}:${word}) ${propose(kind)} ;;`),
    )
    .join('\n')

function verbsOrOperands({ path, verbs, operands }: Node): string[] {
  if (verbs.length > 0) {
    const words = verbs.filter(({ word, to }) => to.endsWith(`/${word}`)).map(({ word }) => word)
    return [`      ${path}) ((operand == 0)) && _plugins_propose "$cur" ${words.join(' ')} ;;`]
  }
  const lines = operands.flatMap(({ kind, isRepeated }, at) =>
    kind === undefined ? [] : [`((operand ${isRepeated ? '>=' : '=='} ${at})) && { ${propose(kind)}; }`],
  )
  return lines.length === 0 ? [] : [`      ${path}) ${lines.join('; ')} ;;`]
}

function propose(kind: Kind | undefined): string {
  if (typeof kind === 'object') return `_plugins_propose "$cur" ${kind.join(' ')}`
  if (kind === 'plugin') return '_plugins_names "$cur" "$home"'
  if (kind === 'tarball-or-plugin') return '_plugins_names "$cur" "$home"; _plugins_files "$cur" tarball'
  return `_plugins_files "$cur" ${kind}`
}

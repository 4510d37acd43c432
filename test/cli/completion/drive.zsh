# zsh -f drive.zsh SCRIPT LINE...: types each line and a tab into a real zsh, and prints what it proposed, then "=" and the line
# as it stands afterwards.
zmodload zsh/zpty
export SCRIPT=$1 CAPTURED=$PWD/.captured
: > $CAPTURED
cat > .drive.rc <<'RC'
PS1=''
autoload -U compinit; compinit -u -D
source $SCRIPT
# What is proposed passes through here.
compadd() {
  if [[ ${@[1,(i)(-|--)]} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  typeset -a __hits
  builtin compadd -A __hits "$@"
  (( $#__hits )) && print -rl -- $__hits >> $CAPTURED
  builtin compadd "$@"
}
finished() { print -r -- "=$BUFFER" >> $CAPTURED; }
zle -N finished; bindkey '^Xf' finished
bindkey '^I' complete-word
print '=ready' >> $CAPTURED
RC
await() {
  for i in {1..400}; do
    # A terminal that nobody reads is full some time.
    while zpty -r -t z shown; do :; done
    grep -q '^=' $CAPTURED && return
    sleep 0.05
  done
  print 'no answer'
  exit 1
}
zpty z zsh -f -i
zpty -w z "source $PWD/.drive.rc"
await
: > $CAPTURED
for line in "${@:2}"; do
  zpty -w -n z "$line"$'\t\x18f'
  await
  cat $CAPTURED
  : > $CAPTURED
  zpty -w -n z $'\x15'
done
zpty -d z

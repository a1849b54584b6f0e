#!/bin/sh
# muster's part in Debian's installer. Run without a word, as preseed/run does, it stays as the command `muster`; the preseed
# then calls `muster start`, `muster disk` and `muster finish`. Nothing of the disk is written before `start` was granted.
report='http://192.168.1.2:8067/install/v1/aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb/report'
log='http://192.168.1.2:8067/install/v1/aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb/log'
finish='http://192.168.1.2:8067/install/v1/aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb/finish'
disk='/dev/disk/by-id/virtio-oak'
token=${report%/report} token=${token##*/}
syslog=/var/log/syslog

# What the installer says in its log when it has given up, and would ask somebody what to do.
gave_up="anna\[[0-9]+\]: WARNING \*\*: package retrieval failed|main-menu\[[0-9]+\]: WARNING \*\*: Menu item '[^']+' failed|error: exiting on error|grub-installer: error"

say() { logger -t muster "$1"; }

# get URL FILE, post URL [--post-data=TEXT|--post-file=FILE]: 0 done, 1 refused, 2 there was no answer
get() { fetch "$1" "$2"; }
post() { fetch "$1" /dev/null "$2"; }
fetch() {
  said=$(wget -nv -t 1 -T 20 -O "$2" ${3:+"$3"} "$1" 2>&1) && return 0
  case $said in
    *'ERROR 403'*) return 1 ;;
    *) return 2 ;;
  esac
}

# The daemon may be restarting: five minutes and more, then it is given up.
insist() {
  left=60
  until "$@"; do
    [ $? != 1 ] || return 1
    left=$((left - 1))
    [ $left -gt 0 ] || return 2
    sleep 5
  done
}

# Text as a value of a form: without the four characters that mean something there.
form() { printf %s "$1" | tr '\n&%+ ' '+++++'; }

progress() { post "$report" --post-data="stage=progress&percent=$1&note=$(form "$2")"; }

stop() {
  say "$1"
  echo "muster: $1; this machine restarts" >/dev/console
  sleep 10
  reboot -f
  sleep 60 # nothing goes on behind the reboot's back
  exit 1
}

fail() {
  say "failed: $1"
  send_log
  insist post "$report" --post-data="stage=failed&reason=$(form "$1")"
  stop 'the install failed, which muster knows'
}

# What was not sent yet of the log, at most 60 kB at a time. The token in it is ours alone. 0: sent, 1: refused, 2: not sent.
send_log() {
  sent=$(cat /tmp/muster.sent 2>/dev/null || echo 0)
  tail -c "+$((sent + 1))" $syslog | head -c 60000 >/tmp/muster.part
  size=$(wc -c </tmp/muster.part)
  [ "$size" != 0 ] || return 2
  sed "s/$token/TOKEN/g" /tmp/muster.part >/tmp/muster.text
  post "$log" --post-file=/tmp/muster.text || return
  echo $((sent + size)) >/tmp/muster.sent
}

start() {
  insist post "$report" --post-data=stage=started || stop 'muster does not allow this install'
  say 'this machine may be installed'
  # the daemon may be restarting at any time
  printf '%s\n' 'tries = 30' 'waitretry = 10' 'timeout = 60' 'retry_connrefused = on' >/etc/wgetrc
  "$0" watch </dev/null >/dev/null 2>&1 &
}

# Lives as long as the installer: sends its log and its steps, and notices when it has given up.
watch() {
  told=
  refused=0 # in a row: one alone may be a mistake, and an install is worth more
  while [ ! -e /tmp/muster.done ]; do
    sleep 5
    send_log
    [ $? = 1 ] && refused=$((refused + 1)) || refused=0
    [ "$refused" -lt 3 ] || stop 'muster does not expect this install any more'
    why=$(grep -E "$gave_up" $syslog | tail -n 1)
    [ -z "$why" ] || fail "${why#*: }"
    step=$(sed -n "s/.*main-menu\[[0-9]*\]: INFO: Menu item '\([^']*\)' selected.*/\1/p" $syslog | tail -n 1)
    [ "$step" != "$told" ] || continue
    told=$step
    what=$(explain "$step") && progress "${what%% *}" "${what#* }"
  done
}

# How much of the time lies before a step of the installer's menu, and what it is.
explain() {
  case $1 in
    download-installer) echo "5 fetching the installer's parts" ;;
    partman-base) echo '15 partitioning' ;;
    bootstrap-base) echo '20 installing the base system' ;;
    apt-setup-udeb) echo '55 setting up apt' ;;
    pkgsel) echo '60 installing packages' ;;
    grub-installer) echo '85 installing GRUB' ;;
    *) return 1 ;;
  esac
}

# The disk by the name that partman knows, and as if it were new: what is left on it would raise questions.
choose_disk() {
  left=30
  until [ -b "$disk" ]; do
    left=$((left - 1))
    [ $left -gt 0 ] || fail "the disk $disk is not there"
    sleep 1
  done
  device=$(realpath "$disk")
  [ -e "/sys/block/${device##*/}" ] || fail "$disk is no whole disk"
  dd if=/dev/zero of="$device" bs=1M count=1 2>/dev/null || fail "cannot write to $disk"
  blockdev --rereadpt "$device" 2>/dev/null
  debconf-set partman-auto/disk "$device"
  debconf-set grub-installer/bootdev "$device"
  say "installing to $disk, which is $device"
}

# Types of partitions by their number in the recipe: those of GRUB on BIOS and of UEFI.
set_type() { in-target sfdisk --force --no-reread --part-type "$device" "$1" "$2"; }

partition() {
  for path in "/sys/block/${device##*/}/"*/partition; do
    [ "$(cat "$path" 2>/dev/null)" != "$1" ] || basename "$(dirname "$path")"
  done
}

# GRUB for the firmware that the installer did not boot by. Without it the disk boots in machines like this one.
other_grub() {
  device=$(realpath "$disk")
  set_type 1 21686148-6449-6E6F-744E-656564454649 && set_type 2 C12A7328-F81F-11D2-BA4B-00A0C93EC93B || return 1
  if [ -d /sys/firmware/efi ]; then
    in-target grub-install --target=i386-pc "$device"
    return
  fi
  esp=/dev/$(partition 2)
  [ -b "$esp" ] && [ -z "$(blkid "$esp")" ] || return 1
  in-target mkfs.vfat -F 32 "$esp" && mkdir -p /target/boot/efi && in-target mount "$esp" /boot/efi &&
    in-target grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram
  code=$?
  in-target umount /boot/efi
  return $code
}

finish() {
  progress 95 'finishing the new system'
  umask 077
  insist get "$finish" /target/root/muster-finish || fail 'the script that finishes the new system cannot be had'
  in-target sh /root/muster-finish || fail 'the script that finishes the new system failed'
  rm -f /target/root/muster-finish
  other_grub || say 'this disk boots by the firmware of this machine only'
  touch /tmp/muster.done
  while send_log; do :; done
  insist post "$report" --post-data=stage=installed
  say 'installed'
}

case ${1:-} in
  '') cp "$0" /usr/bin/muster && chmod 700 /usr/bin/muster ;;
  start) start ;;
  watch) watch ;;
  disk) choose_disk ;;
  finish) finish ;;
esac

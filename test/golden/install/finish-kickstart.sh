#!/bin/sh
# Makes the system that was just installed oak-1 (i-0123456789ab): name, users, keys, first boot.
# Run as root inside of it, before its first boot. It may run again.
set -eu
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
umask 022

# put MODE FILE: writes standard input to a file that is never there half, nor with other rights
put() {
  [ -d "${2%/*}" ] || mkdir -p "${2%/*}"
  (umask 077 && cat >"$2.new")
  [ "$1" = 600 ] || chmod "$1" "$2.new"
  mv "$2.new" "$2"
}

# authorize USER: its authorized_keys are the lines of standard input
authorize() {
  home=$(getent passwd "$1" | cut -d : -f 6)
  put 600 "$home/.ssh/authorized_keys"
  chmod 700 "$home/.ssh"
  chown -R "$1:" "$home/.ssh"
}

# password USER HASH: without a hash nobody gets in by password, and keys go on working
password() { printf '%s:%s\n' "$1" "${2:-*}" | chpasswd -e; }

# --- name
printf '%s\n' 'oak-1' | put 644 /etc/hostname
put 644 /etc/hosts <<'MUSTER_END'
127.0.0.1 localhost
127.0.1.1 oak-1
::1 localhost ip6-localhost ip6-loopback
MUSTER_END


# --- packages come from the owner's mirror
mirror='http://192.168.1.2:8067/mirror/debian'
for repo in /etc/yum.repos.d/rocky*.repo; do
  [ ! -e "$repo" ] || sed -i -e 's|^mirrorlist=|#&|' \
    -e "s|^#baseurl=http://dl.rockylinux.org/\$contentdir/|baseurl=$mirror/|" "$repo"
done

# --- users
put 440 /etc/sudoers.d/90-muster </dev/null
user='ada'
id -u "$user" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash --comment 'Ada Lovelace' "$user"
password "$user" ''
getent group 'adm' >/dev/null || groupadd --system 'adm'
usermod --append --groups 'adm' "$user"
printf '%s ALL=(ALL:ALL) NOPASSWD: ALL\n' "$user" >>/etc/sudoers.d/90-muster
authorize "$user" <<'MUSTER_END'
ssh-ed25519 AAAAowner ada@desk
MUSTER_END

# --- root: reached by muster, and by nobody else
password root ''
authorize root <<'MUSTER_END'
ssh-ed25519 AAAAroot muster
MUSTER_END
put 644 /etc/ssh/sshd_config.d/00-muster.conf <<'MUSTER_END'
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
MUSTER_END
# An RSA key takes an old processor ten seconds, and every client of the last ten years knows one of these.
for type in ed25519 ecdsa; do
  key=/etc/ssh/ssh_host_${type}_key
  [ -e "$key" ] || ssh-keygen -q -t "$type" -N '' -f "$key"
done

# --- the first boot tells muster that this system is up
put 755 /usr/local/sbin/muster-phone-home <<'MUSTER_END'
#!/bin/sh
# muster-phone-home: tells muster that this system is up, and its SSH host keys. Once: then the token is removed.
# The URLs, which hold the token, are read by curl from files that only root can read.
set -u
home=/etc/muster/phone-home log=/etc/muster/phone-log

# keys: the host keys as members of a JSON list
keys() {
  comma=
  for file in /etc/ssh/ssh_host_*_key.pub; do
    [ -s "$file" ] || continue
    read -r type key _ <"$file"
    printf '%s"%s %s"' "$comma" "$type" "$key"
    comma=,
  done
}

# post CURL-CONFIG TYPE: sends standard input; prints the HTTP status, 000 when nobody answers
post() {
  curl --config "$1" --silent --output /dev/null --write-out '%{http_code}' --connect-timeout 5 --max-time 30 \
    --header "Content-Type: $2" --data-binary @-
}

pause=1
tries=0
until [ "$tries" -ge 40 ]; do # half an hour: longer than any instance waits for this call
  tries=$((tries + 1))
  status=$(printf '{"hostName":"%s","hostKeys":[%s]}' "$(uname -n)" "$(keys)" | post "$home" application/json)
  case $status in
    200)
      journalctl -b --no-pager -n 400 2>/dev/null | tail -c 60000 | post "$log" text/plain >/dev/null
      rm -f "$log" "$home"
      echo 'muster knows that this system is up'
      exit 0
      ;;
    4*)
      echo "muster does not expect this system ($status)" >&2
      exit 1
      ;;
  esac
  echo "muster does not answer ($status); trying again in $pause s"
  sleep "$pause"
  pause=$((pause * 2 > 60 ? 60 : pause * 2))
done
echo 'muster did not answer; the next boot tries again' >&2
exit 1
MUSTER_END
put 644 /etc/systemd/system/muster-phone-home.service <<'MUSTER_END'
[Unit]
Description=tell muster that this system is up
Wants=network-online.target
After=network-online.target ssh.service sshd.service sshd-keygen.target
ConditionPathExists=/etc/muster/phone-home

[Service]
Type=exec
ExecStart=/usr/local/sbin/muster-phone-home

[Install]
WantedBy=multi-user.target
MUSTER_END
put 600 /etc/muster/phone-home <<'MUSTER_END'
url = "http://192.168.1.2:8067/install/v1/ccccccccccccccccdddddddddddddddd/phone-home"
MUSTER_END
put 600 /etc/muster/phone-log <<'MUSTER_END'
url = "http://192.168.1.2:8067/install/v1/ccccccccccccccccdddddddddddddddd/log"
MUSTER_END
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sfn ../muster-phone-home.service /etc/systemd/system/multi-user.target.wants/muster-phone-home.service

# --- user data, applied by cloud-init at the first boot
mkdir -p /etc/cloud
: >/etc/cloud/cloud-init.disabled

# --- the profile's own commands

# what was written here has no label yet, and SELinux will ask for one
if command -v restorecon >/dev/null; then
  restorecon -R /etc /root /home /usr/local /var/lib/cloud 2>/dev/null || touch /.autorelabel
fi

import type { Command } from '../machine.ts'
import { docker } from './docker-command.ts'
import { dockerd } from './dockerd.ts'
import { curl, httpie, wget } from './http.ts'
import {
  envsubst,
  forever,
  hostname,
  id,
  inotifywait,
  install,
  mktemp,
  nproc,
  uname,
  whoami
} from './misc.ts'
import { nc, openssl, ping, resolve } from './net.ts'
import { portTool, service, systemctl, systemdNotify } from './systemctl.ts'
import { date, sleep } from './time.ts'
import { wrappers } from './wrappers.ts'

/** What the model answers for, by the base name of the program. Text tools (grep, sed …) are the interpreter's. */
const commands: Readonly<Record<string, Command>> = {
  ...wrappers,
  curl,
  wget,
  http: httpie,
  https: httpie,
  xh: httpie,
  xhs: httpie,
  nc,
  ncat: nc,
  netcat: nc,
  openssl,
  ping,
  ping6: ping,
  getent: resolve,
  host: resolve,
  dig: resolve,
  nslookup: resolve,
  docker,
  podman: docker,
  'docker-compose': (call, machine) =>
    docker({ ...call, argv: ['docker', 'compose', ...call.argv.slice(1)] }, machine),
  'podman-compose': (call, machine) =>
    docker({ ...call, argv: ['docker', 'compose', ...call.argv.slice(1)] }, machine),
  dockerd,
  systemctl,
  service,
  'invoke-rc.d': service,
  'systemd-notify': systemdNotify,
  sleep,
  date,
  id,
  whoami,
  hostname,
  uname,
  mktemp,
  nproc,
  install,
  envsubst,
  inotifywait,
  pg_isready: portTool(5_432, '-h', '-p'),
  'redis-cli': portTool(6_379, '-h', '-p'),
  mysqladmin: portTool(3_306, '-h', '-P'),
  'mariadb-admin': portTool(3_306, '-h', '-P'),
  pause: forever
}

export function commandOf(name: string): Command | undefined {
  return Object.hasOwn(commands, name) ? commands[name] : undefined
}

export function isModelled(name: string): boolean {
  return Object.hasOwn(commands, name) || /^(?:sh|bash|dash|ash)$/.test(name)
}

/**
 * Programs that neither wait for what is on a host nor bring up anything that others wait for: where one of these is run,
 * it succeeds and prints nothing. Servers are among them: what they serve is known by who publishes it.
 */
export const inert: ReadonlySet<string> = new Set(
  `logger wall update-ca-certificates update-alternatives ldconfig depmod modprobe insmod rmmod sysctl sync mount mountpoint umount
swapon swapoff mkswap mkfs mkfs.ext4 fsck blkid lsblk losetup partprobe resize2fs growpart cryptsetup vgchange lvchange
pvs vgs lvs chown chgrp chattr setfacl getfacl setcap getcap chcon restorecon useradd usermod groupadd adduser addgroup
passwd chpasswd getenforce setenforce ip ifconfig route iptables ip6tables iptables-restore ip6tables-restore
iptables-save ipset nft ethtool tc bridge brctl wg arp ss netstat lsof ufw firewall-cmd resolvectl hostnamectl timedatectl
localectl loginctl journalctl systemd-tmpfiles systemd-sysusers systemd-analyze systemd-detect-virt systemd-machine-id-setup
systemd-escape udevadm dmesg free df vmstat ps pgrep pkill killall pidof uptime who w last tput stty clear tty mesg
rsync scp gpg gpgv ssh-keygen ssh-keyscan ssh-add ssh-agent git dpkg dpkg-query rpm apt apt-get apk dnf yum
chroot dd fallocate truncate shred mkfifo mknod cmp shasum sha512sum cksum bzip2 bunzip2 xz unxz zstd unzstd lz4 zip
unzip cpio ar setterm numfmt factor shuf csplit ts sponge crontab at batch run-parts logrotate mail sendmail
traefik nginx caddy haproxy apache2 httpd apachectl apache2ctl sshd cron crond rsyslogd chronyd ntpd dnsmasq unbound
named postgres mysqld mariadbd redis-server memcached mongod rabbitmq-server containerd runc dbus-daemon agetty
NetworkManager wpa_supplicant dhclient networkctl node_exporter prometheus grafana-server vector promtail keepalived
keyctl systemd-firstboot`
    .split(/\s+/)
    .filter(Boolean)
)

import { containers, type TestHost, type Undo, until } from './host.ts'

/**
 * Defects that nobody asks about, really caused on the test host. Each waits until its defect can be seen, and
 * answers how to undo it. What the host already knows how to break is in its own `causes`.
 */
export type Defect = (host: TestHost) => Promise<Undo>

async function sh(host: TestHost, what: string, script: string): Promise<string> {
  const { exit, stdout, stderr } = await host.run(`set -eu\n${script}`, { timeoutMs: 120_000 })
  if (exit !== 0)
    throw new Error(`test host: ${what} failed (exit ${exit}): ${stderr.trim() || stdout.trim()}`)
  return stdout.trim()
}

const defect =
  (what: string, cause: string, mend: string): Defect =>
  async host => {
    await sh(host, what, cause)
    return async () => {
      await sh(host, `the end of: ${what}`, mend)
    }
  }

/** Five addresses beside the gateway's: the load balancer, a service and its three tasks have them all. */
export const fullNetwork = defect(
  'a network without addresses',
  `docker network create --driver overlay --subnet 10.90.0.0/29 testhost-small
docker service create --quiet --detach --no-resolve-image --name testhost-crowd --replicas 3 \\
  --stop-grace-period 1s --network testhost-small cast:local sleep 1d
${until(`[ "$(${containers('testhost-crowd')} | wc -l)" = 3 ]`)}`,
  `docker service rm testhost-crowd
${until(`[ -z "$(docker ps --quiet --filter name=testhost-crowd)" ]`)}
docker network rm testhost-small
${until('! docker network inspect testhost-small')} >/dev/null 2>&1`
)

/** The units were switched to a subnet that the network, which is there already, does not have. */
export const scriptAhead = defect(
  'a script that would make another network',
  'testhost-use swarm-init after\nsystemctl restart swarm-init',
  'testhost-use swarm-init before\nsystemctl restart swarm-init'
)

/** The kernel's clock is that of this machine: what the host can have wrong for itself is who tells the time. */
export const clockAhead = defect(
  'a clock that is ten minutes ahead',
  `cat >/usr/local/bin/date <<'END'
#!/bin/sh
case $* in
+%s%N) echo $(($(/bin/date +%s%N) + 600000000000)) ;;
*) exec /bin/date "$@" ;;
esac
END
chmod 755 /usr/local/bin/date`,
  'rm /usr/local/bin/date'
)

/** A filesystem that is as small as what is on it, but for three percent. */
export const fullDisk: Defect = async host => {
  const size = await sh(
    host,
    'a full disk',
    `set -- $(df --block-size=1K --output=size,used /var/lib/docker | tail -n 1)
mount -o "remount,size=$(($2 * 100 / 97))k" /var/lib/docker
echo "$1"`
  )
  return async () => {
    await sh(host, 'room on the disk', `mount -o remount,size=${size}k /var/lib/docker`)
  }
}

/** A database for everybody, started by hand. */
export const openPort = defect(
  'an open port',
  `docker run --detach --name testhost-open --publish 6379:3306 mariadb:local nginx -c /etc/nginx/mariadb.conf
${until('ss -Hltn | grep -q :6379')}`,
  `docker rm --force testhost-open\n${until('! ss -Hltn | grep -q :6379')}`
)

/** What is left of a stack whose services somebody removed one by one. */
export const orphanNetwork = defect(
  'a network without its stack',
  `docker stack deploy --resolve-image never -c /etc/testhost/backups.yml hedgedoc
${until(`[ -n "$(${containers('hedgedoc_app')})" ]`)}
docker service rm hedgedoc_app
${until(`[ -z "$(docker ps --quiet --filter name=hedgedoc_app)" ]`)}`,
  `docker network rm hedgedoc_default\n${until('! docker network inspect hedgedoc_default >/dev/null 2>&1')}`
)

/** In the text of a unit, which every account can read. */
export const secretInUnit = (secret: string): Defect =>
  defect(
    'a secret in a unit',
    `mkdir -p /etc/systemd/system/deploy-reports.service.d
printf '[Service]\\nEnvironment=REPORTS_DB_PASSWORD=%s\\n' ${secret} >/etc/systemd/system/deploy-reports.service.d/db.conf
systemctl daemon-reload
systemctl restart deploy-reports`,
    `rm -r /etc/systemd/system/deploy-reports.service.d\nsystemctl daemon-reload\nsystemctl restart deploy-reports`
  )

/** The engine's socket is closed to the reviewer: nothing that docker knows can be seen. */
export const dockerUnseen = defect(
  'a closed door',
  'chmod 600 /run/docker.sock',
  'chmod 660 /run/docker.sock'
)

/** Nobody can log in any more; who is in stays. */
export const sshdGone = defect('a host that lets nobody in', 'systemctl stop ssh', 'systemctl start ssh')

/** As a builder of systems puts things on the host: content first, links to it, then a reload. */
const store = `store() {
  content=$(mktemp)
  cat >"$content"
  entry=/nix/store/$({ echo "$1"; cat "$content"; } | sha256sum | cut -c 1-32 | tr e z)-$1
  mkdir -p "$(dirname "$entry$2")"
  mv "$content" "$entry$2"
  chmod 555 "$entry$2"
  echo "$entry$2"
}
script() { { printf '#!/bin/bash\\nset -e\\n\\n'; cat; } | store "unit-script-$1-start" "/bin/$1-start"; }
unit() { ln -sfn "$(store "unit-$1.service" "/$1.service")" "/etc/systemd/system/$1.service"; }`

/** The proxy's unit runs a script, the script a program, and the program has in a table whom it waits for. */
export const gateInPython: Defect = async host => {
  await sh(
    host,
    'a gate in Python',
    `${store}
gate=$(store health-gate /bin/health-gate.py <<'END'
#!/usr/bin/python3
"""Ends when the front page answers."""
import subprocess
import time

SETTINGS = {"host": "ci.example.test", "path": "/", "ca": "/etc/testhost/tls/ca.pem", "pause": 0.2}


def healthy(settings):
    url = f"https://{settings['host']}{settings['path']}"
    asked = ["curl", "-fsS", "-o", "/dev/null", "--max-time", "5", "--cacert", settings["ca"], url]
    return subprocess.run(asked).returncode == 0


while not healthy(SETTINGS):
    time.sleep(SETTINGS["pause"])
END
)
start=$({ grep 'docker stack deploy' "$(sed -n 's/^ExecStart=//p' /etc/systemd/system/deploy-proxy.service)"
  echo "/usr/bin/python3 $gate"; } | script deploy-proxy)
sed "s|^ExecStart=.*|ExecStart=$start|" /etc/systemd/system/deploy-proxy.service | unit deploy-proxy
systemctl daemon-reload
systemctl restart deploy-proxy`
  )
  return () => host.useGate('own')
}

/** Four units: a gate asks what is deployed by the last of three that need one another, and it. */
export const circleOfFour: Defect = async host => {
  const before = await sh(host, 'the unit as it is', 'readlink /etc/systemd/system/deploy-reports.service')
  await sh(
    host,
    'a circle of four',
    `${store}
oneshot='[Service]
Type=oneshot
RemainAfterExit=yes'
start=$(script edge-gate <<'END'
for try in {1..120}; do
  curl -fsS -o /dev/null --max-time 5 --cacert /etc/testhost/tls/ca.pem https://report.ci.example.test/ && exit 0
  sleep 5
done
exit 1
END
)
unit edge-gate <<END
[Unit]
After=deploy-proxy.service
$oneshot
ExecStart=$start
TimeoutStartSec=900
END
ln -s ../edge-gate.service /etc/systemd/system/multi-user.target.wants/
unit reports-data <<END
[Unit]
Requires=edge-gate.service
After=edge-gate.service
$oneshot
ExecStart=$(echo 'mkdir -p /run/reports' | script reports-data)
END
unit reports-config <<END
[Unit]
Requires=reports-data.service
After=reports-data.service
Before=deploy-reports.service
$oneshot
ExecStart=$(echo 'echo title=Reports >/run/reports/config' | script reports-config)
END
sed 's/^\\[Unit]/&\\nRequires=reports-config.service/' ${before} | unit deploy-reports
systemctl daemon-reload
systemctl restart deploy-reports`
  )
  return async () => {
    await sh(
      host,
      'no circle of four',
      `ln -sfn ${before} /etc/systemd/system/deploy-reports.service
systemctl daemon-reload
systemctl stop reports-config reports-data edge-gate
cd /etc/systemd/system
rm reports-config.service reports-data.service edge-gate.service multi-user.target.wants/edge-gate.service
systemctl daemon-reload
systemctl restart deploy-reports
testhost-settle 30`
    )
  }
}

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

const loop = '/etc/systemd/system/testhost-loop.service'

/** Its program ends at once, and systemd starts it again in an hour: until then the unit is `activating`. */
export const waitsForRestart = defect(
  'a unit that waits to be started again',
  `printf '[Service]\\nExecStart=/bin/false\\nRestart=always\\nRestartSec=1h\\n' >${loop}
systemctl daemon-reload
systemctl start testhost-loop
${until('[ "$(systemctl show --value -p SubState testhost-loop)" = auto-restart ]')}`,
  `systemctl stop testhost-loop
rm ${loop}
systemctl daemon-reload
systemctl reset-failed testhost-loop || :`
)

const gone = '/etc/systemd/system/testhost-gone.service'

/** systemd knows that the unit failed as long as nobody says that this is settled, also without its file. */
export const failedWithoutFile = defect(
  'a failed unit whose file is gone',
  `printf '[Service]\\nExecStart=/bin/false\\n' >${gone}
systemctl daemon-reload
systemctl start testhost-gone
${until('[ "$(systemctl show --value -p ActiveState testhost-gone)" = failed ]')}
rm ${gone}
systemctl daemon-reload`,
  'systemctl reset-failed testhost-gone'
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

/**
 * Endpoints of containers that are gone: while they were removed, the engine could not write its store. A /29
 * has five addresses beside the gateway's.
 */
export const leakedEndpoints = defect(
  'endpoints without containers',
  `docker network create --subnet 10.92.0.0/29 testhost-leaky
for n in 1 2 3 4 5; do
  docker run --detach --name testhost-leak-$n --network testhost-leaky cast:local sleep 1d
done
engine=$(pidof dockerd)
strace -f -p $engine -o /dev/null -P /var/lib/docker/network/files/local-kv.db \\
  -e trace=openat,write,pwrite64 -e inject=openat,write,pwrite64:error=EIO 2>/dev/null &
tracer=$!
trap 'kill -INT $tracer; wait $tracer || :' EXIT
${until('! grep -q "^TracerPid:[[:space:]]0$" /proc/$engine/task/*/status')}
docker rm --force testhost-leak-1 testhost-leak-2 testhost-leak-3 testhost-leak-4 testhost-leak-5`,
  `for n in 1 2 3 4 5; do docker network disconnect --force testhost-leaky testhost-leak-$n; done
docker network rm testhost-leaky`
)

/** Of five addresses four are taken: the next service gets none, and the engine says so in its journal. */
export const noAddressLeft = defect(
  'a service without an address',
  `docker network create --driver overlay --subnet 10.91.0.0/29 testhost-small
docker service create --quiet --detach --no-resolve-image --name testhost-crowd --replicas 3 \\
  --stop-grace-period 1s --network testhost-small cast:local sleep 1d
${until(`[ "$(${containers('testhost-crowd')} | wc -l)" = 3 ]`)}
docker service create --quiet --detach --no-resolve-image --name testhost-late \\
  --stop-grace-period 1s --network testhost-small cast:local sleep 1d
${until(`journalctl --unit docker --since -1min | grep -q 'could not find an available IP while allocating VIP'`)}`,
  `docker service rm testhost-crowd testhost-late
${until(`[ -z "$(docker ps --quiet --filter name=testhost-crowd)" ]`)}
docker network rm testhost-small
${until('! docker network inspect testhost-small')} >/dev/null 2>&1`
)

/** A container says the same words: whose messages are in the journal of the engine's unit, too. */
export const saidByContainer = defect(
  'the words of a container',
  `docker run --rm cast:local sh -c 'echo could not find an available IP while allocating VIP'
${until(`journalctl --unit docker --since -1min CONTAINER_NAME --output json | grep -q 'available IP' || journalctl --unit docker --since -1min | grep -q 'could not find an available IP'`)}`,
  ':'
)

const proxyContainer = containers('traefik_ci_example_test_app')

/** The proxy shows another certificate, by a CA of this name (null: the one that visitors trust), for so many days. */
export const certificate = ({
  subject = '/CN=ci.example.test',
  issuer = null,
  days
}: {
  readonly subject?: string
  readonly issuer?: string | null
  readonly days: number
}): Defect =>
  defect(
    'another certificate',
    `cd /etc/testhost/tls
[ -d kept ] || { mkdir kept; cp cert.pem key.pem kept/; }
ca=ca.pem key=/root/ca.key
${
  issuer === null
    ? ''
    : `ca=/root/other.pem key=/root/other.key
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj '${issuer}' -keyout $key -out $ca 2>/dev/null`
}
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '${subject}' \\
  -keyout /root/new.key -out /root/new.csr 2>/dev/null
openssl x509 -req -in /root/new.csr -CA $ca -CAkey $key -days ${days} -extfile /root/extensions -out /root/new.pem 2>/dev/null
mv /root/new.key key.pem
mv /root/new.pem cert.pem
${shown()}`,
    `cd /etc/testhost/tls
[ ! -d kept ] || { mv kept/* .; rmdir kept; }
${shown()}`
  )

function shown(): string {
  const serial = (of: string) => `"$(${of} | openssl x509 -noout -serial)"`
  const served = 'openssl s_client -connect 198.51.100.2:443 </dev/null 2>/dev/null'
  return `docker kill --signal HUP "$(${proxyContainer})"
${until(`[ ${serial('cat cert.pem')} = ${serial(served)} ]`)}`
}

/** The login may not read the system's journal any more; who is logged in still may. */
export const journalUnreadable = defect(
  'a journal that the login may not read',
  'gpasswd --delete reviewer systemd-journal',
  'gpasswd --add reviewer systemd-journal'
)

/** Three things that nobody announced: a network, another image, another start. */
export const undeclared = defect(
  'changes that nobody announced',
  `docker network create --subnet 10.94.0.0/24 debugging
docker tag drone:local drone:other
docker service update --quiet --no-resolve-image --image drone:other drone_ci_example_test_app
mkdir -p /etc/systemd/system/warm-keycloak.service.d
printf '[Service]\\nExecStartPost=/bin/true\\n' >/etc/systemd/system/warm-keycloak.service.d/post.conf
systemctl daemon-reload`,
  `docker network rm debugging
docker service update --quiet --no-resolve-image --image drone:local drone_ci_example_test_app
rm -r /etc/systemd/system/warm-keycloak.service.d
systemctl daemon-reload`
)

/** The image that the repo has come to name, really put in place. */
export const bridgeUpdated = defect(
  'an update',
  `docker tag bridge:local bridge:2.0
docker service update --quiet --no-resolve-image --image bridge:2.0 ccci-bridge_app`,
  `docker service update --quiet --no-resolve-image --image bridge:local ccci-bridge_app`
)

/** A stack that a test of a recipe left behind, beside whatever else is wrong. */
export const strayStack = defect(
  'a stray stack',
  `docker stack deploy --resolve-image never -c /etc/testhost/backups.yml hedgedoc-pr42_ci_example_test
${until(`[ -n "$(${containers('hedgedoc-pr42_ci_example_test_app')})" ]`)}`,
  `docker stack rm hedgedoc-pr42_ci_example_test
${until('! docker network inspect hedgedoc-pr42_ci_example_test_default >/dev/null 2>&1')}`
)

/** A unit that nobody started again. */
export const stoppedReports = defect(
  'a stopped unit',
  'systemctl stop deploy-reports',
  'systemctl start deploy-reports'
)

/** What should stay by itself is on the shared network. */
export const backupsOnProxy = defect(
  'a service on a network that is not its own',
  'docker service update --quiet --no-resolve-image --network-add proxy backups_ci_example_test_app',
  'docker service update --quiet --no-resolve-image --network-rm proxy backups_ci_example_test_app'
)

/** An address was given out by hand, outside of the part that is meant for it. */
export const strayAddress = defect(
  'an address outside',
  `docker network create --subnet 10.93.0.0/24 testhost-halves
docker run --detach --name testhost-inside --network testhost-halves --ip 10.93.0.20 cast:local sleep 1d
docker run --detach --name testhost-outside --network testhost-halves --ip 10.93.0.200 cast:local sleep 1d`,
  'docker rm --force testhost-outside'
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
  touch --date @1 "$entry$2"
  echo "$entry$2"
}
script() { { printf '#!/bin/bash\\nset -e\\n\\n'; cat; } | store "unit-script-$1-start" "/bin/$1-start"; }
unit() { ln -sfn "$(store "unit-$1.service" "/$1.service")" "/etc/systemd/system/$1.service"; }`

/** A link as all are in the Nix store: of 1970. */
const linkOfStore = (name: string) => `touch --no-dereference --date @1 /etc/systemd/system/${name}.service`

/** A service runs on from a build that its unit does not name any more, and no file has a time that tells. */
export const otherProgram = defect(
  'a program that is not the one of its unit',
  `${store}
build() { printf '#!/bin/bash\\n# %s\\nwhile :; do sleep 1; done\\n' "$1" | store "ticker-$1" /bin/ticker; }
ticker() { printf '[Service]\\nExecStart=%s\\n' "$1" | unit ticker; }
ticker "$(build 1.0)"
systemctl daemon-reload
systemctl start ticker
ticker "$(build 1.1)"
${linkOfStore('ticker')}
systemctl daemon-reload`,
  'systemctl stop ticker\nrm /etc/systemd/system/ticker.service\nsystemctl daemon-reload'
)

const switched = (name: string) => `${store}
start=$({ sed 1,3d "$(sed -n 's/^ExecStart=//p' /etc/systemd/system/${name}.service)"; echo 'echo done'; } | script ${name})
sed "s|^ExecStart=.*|ExecStart=$start|" /etc/systemd/system/${name}.service | unit ${name}`

/** A oneshot was switched to another script, and never started with it: nothing of it runs that could be looked at. */
export const oneshotNotRestarted = defect(
  'a oneshot that was not started again',
  `${switched('deploy-drone')}\n${linkOfStore('deploy-drone')}\nsystemctl daemon-reload`,
  'systemctl restart deploy-drone'
)

/** The same where a link tells when it was made. */
export const linkedAnew = defect(
  'a oneshot with a newer link',
  `sleep 1\n${switched('deploy-bridge')}\nsystemctl daemon-reload`,
  'systemctl restart deploy-bridge'
)

/** A port, a port of a container, a file, a docker service, another unit: each comes only after who waits for it. */
export const gatesOfAllKinds: Defect = async host => {
  const gates = {
    port: ['until nc -z localhost 443; do sleep 1; done', ''],
    publish: [
      'until (echo >/dev/tcp/127.0.0.1/8085) 2>/dev/null; do sleep 1; done',
      'docker run --detach --rm --publish 8085:80 cast:local nginx -c /etc/nginx/reports.conf'
    ],
    file: ['while [ ! -e /run/testhost-ready ]; do sleep 1; done', 'touch /run/testhost-ready'],
    service: ['until docker service ls | grep -q "ccci-reports_app.*1/1"; do sleep 1; done', ''],
    unit: ['systemctl start testhost-late-unit', ':']
  } as const
  const names = Object.keys(gates).map(kind => `gate-${kind}`)
  const units = Object.entries(gates).map(([kind, [gate, late]]) => {
    const after = late === '' ? `Before=${kind === 'port' ? 'deploy-proxy' : 'deploy-reports'}.service` : ''
    const name = kind === 'unit' ? 'testhost-late-unit' : `late-${kind}`
    return `unit gate-${kind} <<END
[Unit]
${after}
$oneshot
ExecStart=$(echo '${gate}' | script gate-${kind})
END
ln -s ../gate-${kind}.service /etc/systemd/system/multi-user.target.wants/
${
  late === ''
    ? ''
    : `unit ${name} <<END
[Unit]
After=gate-${kind}.service
$oneshot
ExecStart=$(echo '${late}' | script ${name})
END
ln -s ../${name}.service /etc/systemd/system/multi-user.target.wants/`
}`
  })
  await sh(
    host,
    'gates of all kinds',
    `${store}
oneshot='[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=30'
${units.join('\n')}
systemctl daemon-reload`
  )
  return async () => {
    await sh(
      host,
      'no gates',
      `cd /etc/systemd/system
rm ${names.map(name => `${name}.service multi-user.target.wants/${name}.service`).join(' ')}
rm late-*.service testhost-late-unit.service multi-user.target.wants/late-* multi-user.target.wants/testhost-late-unit.service
systemctl daemon-reload`
    )
  }
}

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

/**
 * The reference phase: a swarm's proxy network runs out of addresses, the builder recreates it as a /16.
 * The demo plays it on a recorded host, the real-host tests on a real one; both use these texts.
 */

export interface PhaseHome {
  readonly repoUrl: string
  /** Absolute path of the reviewer's private key. */
  readonly signingKey: string
  /** Absolute path of the allowed signers file. */
  readonly allowedSigners: string
  /** Lines under `hosts:`'s `cc-ci:`, without indentation. */
  readonly host: readonly string[]
  /** Base of the routes: `https://ci.example.test/` becomes this with the name in it. */
  readonly route: (name: string) => string
  /** Where the names lead; the URL's own name stays what it is. */
  readonly address: string
  /** Absolute path of the CA to trust, for https. */
  readonly ca?: string
  readonly poll: string
  readonly retry: string
}

export function adversaryYaml(home: PhaseHome): string {
  return `repo:
  url: ${JSON.stringify(home.repoUrl)}
  branch: main
  review: machine-docs/REVIEW-{phase}.md
  evidence: machine-docs/evidence
identity:
  name: adversary-bot
  email: adversary@example.test
  signingKey: ${JSON.stringify(home.signingKey)}
poll: ${home.poll}
retry: ${home.retry}
hosts:
  cc-ci:
${home.host.map(line => `    ${line}`).join('\n')}
gate:
  allowedSigners: ${JSON.stringify(home.allowedSigners)}
`
}

const units = [
  'deploy-proxy',
  'deploy-drone',
  'deploy-bridge',
  'deploy-dashboard',
  'deploy-reports',
  'warm-keycloak'
]

/** The plan: what M1 (the patch and the procedure) and M2 (the maintenance, done) must be shown to be. */
export function planYaml(home: PhaseHome): string {
  const routes: readonly (readonly [name: string, expectation: string])[] = [
    ['ci', '200'],
    ['drone.ci', '{ status: 303, location: /login }'],
    ['bridge.ci', '404'],
    ['report.ci', '200']
  ]
  return `phase: pvfix
title: Swarm proxy network on 10.10.0.0/16
host: cc-ci
milestones:
  M1:
    title: patch and procedure
    checks:
      - probe: repo-file
        title: The patch is in the repo
        with: { path: nix/modules/swarm.nix, contains: "--subnet 10.10.0.0/16" }
      - probe: repo-file
        title: Creating the network stays idempotent
        with: { path: nix/modules/swarm.nix, contains: "if ! docker network inspect proxy" }
      - probe: subnet-collision
        title: 10.10.0.0/16 is clear of everything on the host
        with: { subnet: 10.10.0.0/16 }
      - probe: network-services
        title: The services that the maintenance takes off the network
        with:
          network: proxy
          includes: [traefik*_app, drone*_app, ccci-bridge_app, ccci-dashboard_app, ccci-reports_app, warm-keycloak*_app]
          excludes: [backups*]
${units
  .map(
    unit => `      - probe: unit-activation
        title: The procedure's unit ${unit} exists and is active
        with: { unit: ${unit} }`
  )
  .join('\n')}
      - probe: stray-stacks
        title: The maintenance window is clear
        with: { forbid: ["*-pr*", "cfold*", "*upgrade-all*"] }
  M2:
    title: the maintenance, done
    needs: [M1]
    watchPaths: [nix/modules/swarm.nix]
    checks:
      - probe: network-subnet
        title: The proxy network is 10.10.0.0/16 and new
        with: { network: proxy, subnet: 10.10.0.0/16, driver: overlay, attachable: true, createdAfter: { review: M1 } }
      - probe: network-addresses
        title: Every address on it is inside
        with: { network: proxy }
      - probe: replica-counts
        title: All nine services run
        with: { services: 9 }
      - probe: unit-activation
        title: swarm-init ran again and made it
        with: { unit: swarm-init, after: { network: proxy } }
      - probe: unit-script
        title: What swarm-init executes has the subnet
        with: { unit: swarm-init, contains: "--subnet 10.10.0.0/16" }
      - probe: route-status
        title: The routes answer
        with:
          address: ${home.address}
${home.ca === undefined ? '' : `          ca: ${JSON.stringify(home.ca)}\n`}          routes:
${routes.map(([name, expectation]) => `            ${JSON.stringify(home.route(name))}: ${expectation}`).join('\n')}
  D8:
    title: survives a fresh boot
    needs: [M2]
    checks:
      - probe: replica-counts
        with: { services: 9 }
hunt:
  every: 15m
  # Those whose reads are recorded: one that came later asks what this host was never asked.
  probes: [address-exhaustion, boot-reconcile, clock-skew, disk-headroom, failed-units, health-gate-deadlock, image-drift, listening-ports, orphan-networks, restart-loops, secret-in-unit, subnet-collision, unit-drift]
  blocks: [D8]
`
}

/**
 * What the builder changed on the way, and no claim mentions: from then on a boot from nothing hangs. It is finding A1,
 * which came in during the phase.
 */
export const proxyGate = {
  message: 'proxy: deploy-proxy is up when the dashboard answers through it',
  files: {
    'nix/modules/proxy.nix': `{ pkgs, ... }:
{
  systemd.services.deploy-proxy = {
    after = [ "swarm-init.service" ];
    wantedBy = [ "multi-user.target" ];
    path = [ pkgs.docker pkgs.curl ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
      TimeoutStartSec = "15min";
    };
    script = ''
      docker stack deploy -c \${./proxy-stack.yml} traefik_ci_example_test
      until [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 5 https://ci.example.test/)" = 200 ]; do
        sleep 5
      done
    '';
  };
}
`
  }
} as const

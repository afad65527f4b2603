# Single-node Docker Swarm, and the overlay network that the reverse proxy shares with
# the apps behind it.
{
  config,
  lib,
  pkgs,
  ...
}:

{
  virtualisation.docker = {
    enable = true;
    # Swarm and live restore exclude each other.
    liveRestore = false;
    autoPrune = {
      enable = true;
      dates = "weekly";
    };
  };

  networking.firewall.allowedTCPPorts = [ 443 ];

  systemd.services.swarm-init = {
    description = "Initialise the swarm and its shared proxy network";
    after = [
      "docker.service"
      "network-online.target"
    ];
    wants = [
      "docker.service"
      "network-online.target"
    ];
    wantedBy = [ "multi-user.target" ];
    path = [ pkgs.docker ];
    serviceConfig = {
      Type = "oneshot";
      RemainAfterExit = true;
    };
    script = ''
      if ! docker info --format '{{.Swarm.LocalNodeState}}' | grep -qx active; then
        docker swarm init --advertise-addr 198.51.100.2
      fi

      # A default-sized overlay runs out of virtual IPs: tasks then hang in "new" for ever.
      # An existing network is never resized: docs/runbooks/proxy-network.md.
      if ! docker network inspect proxy >/dev/null 2>&1; then
        docker network create --driver overlay --attachable --subnet 10.10.0.0/16 proxy
      fi
    '';
  };
}

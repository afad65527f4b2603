# The watcher as a service of NixOS. Not tried on a NixOS machine by this project's tests: they check that it
# parses, and that it says what the systemd unit beside it says.
#
#   imports = [ ./module.nix ];
#   services.adversary = {
#     enable = true;
#     package = pkgs.callPackage ./adversary.nix { };  # in a checkout of adversary
#   };
#
# The home (adversary.yaml, plans, keys, known_hosts) lies in /var/lib/adversary.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.adversary;
in
{
  options.services.adversary = {
    enable = lib.mkEnableOption "adversary, which answers claims with signed reviews";

    package = lib.mkOption {
      type = lib.types.package;
      description = "The package that has bin/adversary.";
    };

    home = lib.mkOption {
      type = lib.types.str;
      default = "/var/lib/adversary";
      description = "The folder with adversary.yaml. Where it is another one, give the service access to it.";
    };
  };

  config = lib.mkIf cfg.enable {
    users.users.adversary = {
      isSystemUser = true;
      group = "adversary";
      home = "/var/lib/adversary";
    };
    users.groups.adversary = { };

    environment.systemPackages = [ cfg.package ];

    systemd.services.adversary-watch = {
      description = "adversary, which answers claims with signed reviews";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      # However often it fails, it is started again: what is owed stays owed.
      startLimitIntervalSec = 0;

      # git and ssh for the repository, ssh-keygen to sign, systemd-notify to say that it lives.
      path = [
        pkgs.git
        pkgs.openssh
        pkgs.systemd
      ];

      serviceConfig = {
        Type = "notify";
        NotifyAccess = "all";
        ExecStart = "${cfg.package}/bin/adversary watch --home ${cfg.home}";
        User = "adversary";
        Group = "adversary";
        Restart = "always";
        RestartSec = 15;
        RestartPreventExitStatus = 64;
        TimeoutStartSec = "2min";
        WatchdogSec = "15min";
        WatchdogSignal = "SIGKILL";
        LimitCORE = 0;
        KillMode = "mixed";
        TimeoutStopSec = 20;
        StandardOutput = "null";
        StandardError = "journal";
        SyslogIdentifier = "adversary";

        StateDirectory = "adversary";
        StateDirectoryMode = "0700";
        WorkingDirectory = "/var/lib/adversary";
        UMask = "0077";
        MemoryMax = "2G";
        TasksMax = 256;

        CapabilityBoundingSet = "";
        NoNewPrivileges = true;
        RestrictSUIDSGID = true;
        ProtectSystem = "strict";
        ProtectHome = true;
        PrivateTmp = true;
        PrivateDevices = true;
        ProtectProc = "invisible";
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        PrivateIPC = true;
        RemoveIPC = true;
        KeyringMode = "private";
        RestrictAddressFamilies = [
          "AF_INET"
          "AF_INET6"
          "AF_UNIX"
        ];
        RestrictNamespaces = true;
        RestrictRealtime = true;
        LockPersonality = true;
        SystemCallArchitectures = "native";
        SystemCallFilter = [
          "@system-service"
          "~@privileged @resources"
        ];
        SystemCallErrorNumber = "EPERM";
      };
    };
  };
}

# The package that module.nix names, built from a checkout. package-lock.json pins every dependency by its digest, so there
# is no further hash to update. Not built on a NixOS machine by this project's tests: they check that what it names is
# there.
{
  lib,
  buildNpmPackage,
  importNpmLock,
  makeWrapper,
  nodejs,
  git,
  openssh,
  src ? ../..,
}:

let
  lock = lib.importJSON "${src}/package-lock.json";
  # The lock names digests and no addresses: these are npm's.
  packages = lib.mapAttrs (
    path: each:
    let
      name = each.name or (lib.last (lib.splitString "node_modules/" path));
    in
    if path == "" || each ? resolved then
      each
    else
      each // { resolved = "https://registry.npmjs.org/${name}/-/${baseNameOf name}-${each.version}.tgz"; }
  ) lock.packages;
in
buildNpmPackage {
  pname = "adversary-bot";
  version = (lib.importJSON "${src}/package.json").version;
  inherit src nodejs;

  npmDeps = importNpmLock {
    npmRoot = src;
    packageLock = lock // { inherit packages; };
  };
  npmConfigHook = importNpmLock.npmConfigHook;
  # ssh2 works without the parts that it would compile.
  npmRebuildFlags = [ "--ignore-scripts" ];
  npmBuildScript = "build";

  nativeBuildInputs = [ makeWrapper ];
  postInstall = ''
    wrapProgram $out/bin/adversary --prefix PATH : ${
      lib.makeBinPath [
        git
        openssh
      ]
    }
  '';

  meta = {
    description = "Watches a repository for claims, and answers them with signed reviews";
    license = lib.licenses.mit;
    mainProgram = "adversary";
  };
}

/** A path for each kind of file that is read in a way of its own. */
export const paths =
  'a.sh a.py a.nix a.tf a.conf a.ini a.sql a.lua a.xml a.j2 a.toml a.yaml a.json a.ts a.rb a.go a.rs a.c a.php a.pl a.hs a.md a.xyz Jenkinsfile Dockerfile Makefile justfile'.split(
    ' '
  )

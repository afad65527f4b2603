/** The one style of all pages: light and dark, screen and paper, from 320 pixels up. */
export const style = `
:root{
--paper:#fcfbf9;--raised:#fff;--ink:#1b1d1f;--quiet:#595e63;--rule:#dedbd4;--code:#f4f2ed;--link:#1a4f8a;
--pass:#17663a;--fail:#a3211a;--open:#7a4e00;--none:#595e63;--mark:#fdf0c2;--focus:#1a4f8a;
--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",sans-serif;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
@media (prefers-color-scheme:dark){:root{
--paper:#15171a;--raised:#1c1f23;--ink:#e8e6e1;--quiet:#a5aab0;--rule:#33373d;--code:#101214;--link:#8ab8ee;
--pass:#6fce99;--fail:#ff9389;--open:#e8bb63;--none:#a5aab0;--mark:#4a3f17;--focus:#8ab8ee}}
*{box-sizing:border-box}
html{font:16px/1.5 var(--sans);color:var(--ink);background:var(--paper);-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0 auto;max-width:66rem;padding:1.5rem 1.25rem 4rem;overflow-wrap:anywhere}
a{color:var(--link);text-underline-offset:.15em;text-decoration-thickness:.06em}
:focus-visible{outline:.16rem solid var(--focus);outline-offset:.15rem;border-radius:.15rem}
h1,h2,h3,p,ul,ol,figure,blockquote{margin:0}
h1{font-size:1.65rem;line-height:1.2;font-weight:650;letter-spacing:-.012em}
h2{font-size:1.2rem;line-height:1.3;font-weight:650;letter-spacing:-.006em}
h3{font-size:1rem;line-height:1.4;font-weight:600}
code,pre,.sha{font-family:var(--mono);font-size:.86em}
pre{margin:.4rem 0;padding:.6rem .75rem;background:var(--code);border:1px solid var(--rule);border-radius:.3rem;white-space:pre-wrap;overflow-wrap:anywhere;max-height:32rem;overflow:auto;line-height:1.45}
ul,ol{padding:0;list-style:none}
.quiet,time,.meta{color:var(--quiet)}
.meta,time{font-size:.88rem}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--raised);padding:.3rem .6rem;z-index:1}
header.top{display:flex;flex-wrap:wrap;gap:.75rem 2rem;align-items:end;justify-content:space-between;padding-bottom:1.1rem;border-bottom:1px solid var(--rule)}
.brand{font-size:.78rem;letter-spacing:.09em;text-transform:uppercase;color:var(--quiet);font-weight:600}
.find{display:flex;flex-direction:column;gap:.25rem;font-size:.82rem;color:var(--quiet);flex:0 1 17rem}
.find [role=status]{min-height:1.3em}
.find[hidden]{display:none}
.find input{font:inherit;font-size:.95rem;color:var(--ink);background:var(--raised);border:1px solid var(--quiet);border-radius:.3rem;padding:.35rem .55rem;width:100%}
.sum{display:flex;flex-wrap:wrap;gap:.35rem 1.7rem;margin:1.1rem 0 0;font-size:.95rem}
.sum li{display:flex;align-items:center;gap:.4rem}
.alive{display:flex;flex-wrap:wrap;gap:.2rem 1.7rem;margin:.6rem 0 0;font-size:.9rem}
.strip{display:flex;flex-wrap:wrap;gap:.15rem;margin:.3rem 0 0}
.strip a,.strip li>.state{display:inline-flex;min-width:1.6rem;min-height:1.6rem;align-items:center;justify-content:center}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
nav.jump{margin:.9rem 0 0;font-size:.92rem}
nav.jump ul{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem}
section{margin-top:2.4rem}
section>h2{padding-bottom:.45rem;border-bottom:2px solid var(--ink)}
section>h2 .quiet{font-weight:400;margin-left:.5rem}
.checks>li>.state{min-height:1.45rem}
.state{display:inline-flex;align-items:center;gap:.4rem;font-weight:650;font-size:.88rem;letter-spacing:.015em;white-space:nowrap}
.state svg{width:1.05rem;height:1.05rem;flex:none;fill:none;stroke:currentColor;stroke-width:2}
.state .solid{fill:currentColor;stroke:currentColor}
.state .cut{stroke:var(--paper);fill:none;stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}
.pass{color:var(--pass)}.fail{color:var(--fail)}.unsure{color:var(--open)}.none{color:var(--none)}
.stones>li{display:grid;grid-template-columns:9.5rem minmax(0,1fr) 15.5rem;gap:.1rem 1.25rem;padding:.8rem 0;border-bottom:1px solid var(--rule)}
.stones .when{text-align:right;font-size:.88rem;color:var(--quiet)}
.stones h3 .name{font-variant-numeric:tabular-nums;margin-right:.45rem}
.stones details,.stones .more{grid-column:2/-1}
.gate{font-size:.92rem}
.gate b{font-weight:600}
details>summary{cursor:pointer;color:var(--link);font-size:.92rem;width:fit-content;max-width:100%;padding:.15rem 0}
.checks{margin:.35rem 0 .4rem;font-size:.94rem}
.checks>li{display:grid;align-items:start;grid-template-columns:8.6rem minmax(0,1fr);gap:0 .9rem;padding:.4rem 0;border-top:1px solid var(--rule)}
.checks>li:first-child{border-top:0}
.checks .said{color:var(--quiet);font-size:.9rem}
.found{background:var(--raised);border:1px solid var(--rule);border-left:.3rem solid currentColor;border-radius:.3rem;margin-top:1rem;padding:1rem 1.15rem}
.found>*{color:var(--ink)}
.found .meta{color:var(--quiet)}
.found header{display:flex;flex-wrap:wrap;gap:.15rem .7rem;align-items:baseline}
.found h3{font-size:1.05rem}
.circle{margin:.8rem 0 .6rem;display:grid;grid-template-columns:minmax(0,27rem) minmax(0,1fr);gap:.6rem 1.5rem;align-items:center}
.scroll{overflow-x:auto}
.ring{display:block;max-width:100%;height:auto;min-width:17rem}
.ring .node{fill:var(--paper);stroke:currentColor;stroke-width:1.5}
.ring .arrow{fill:none;stroke:var(--fail);stroke-width:1.8}
.ring .tip{fill:var(--fail)}
.ring text{font:13px var(--sans);fill:currentColor}
.ring .name{font-weight:600}
.ring .edge{fill:var(--fail);stroke:var(--raised);stroke-width:4;paint-order:stroke;stroke-linejoin:round}
.steps{font-size:.93rem;counter-reset:step}
.steps li{counter-increment:step;padding:.22rem 0 .22rem 1.9rem;position:relative}
.steps li::before{content:counter(step);position:absolute;left:0;top:.34rem;width:1.25rem;height:1.25rem;border:1px solid var(--quiet);border-radius:50%;font-size:.75rem;line-height:1.2rem;text-align:center;color:var(--quiet)}
.prose>*{margin:.55rem 0}
.prose ul{padding-left:1.1rem;list-style:disc}
.prose blockquote{border-left:.2rem solid var(--rule);padding-left:.8rem}
.days>li{display:grid;grid-template-columns:9.5rem minmax(0,1fr);gap:0 1.25rem;padding:.75rem 0;border-bottom:1px solid var(--rule)}
.days h3{font-weight:600;font-variant-numeric:tabular-nums}
.days ol>li{display:grid;grid-template-columns:3.2rem 8.6rem minmax(0,1fr) auto;gap:0 .9rem;padding:.17rem 0;align-items:start;font-size:.94rem}
.days time,.days .sha{line-height:1.5rem}
.days .state{min-height:1.5rem}
.days time{font-variant-numeric:tabular-nums}
.reads{margin:.25rem 0 .2rem}
.reads summary code{color:var(--ink)}
.reads .quiet{font-size:.86rem}
.doubts li{padding:.4rem 0;border-bottom:1px solid var(--rule);font-size:.94rem}
.crumbs{font-size:.92rem;margin-bottom:.8rem}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1rem;margin:1rem 0 0;font-size:.94rem}
.facts dt{color:var(--quiet)}
.facts dd{margin:0}
[data-find][hidden]{display:none}
.empty{padding:.8rem 0;color:var(--quiet)}
footer{margin-top:3rem;padding-top:.9rem;border-top:1px solid var(--rule);font-size:.86rem;color:var(--quiet)}
@media (max-width:46rem){
body{padding:1rem .9rem 3rem}
h1{font-size:1.4rem}
.find{flex:1 1 100%}
.stones>li{grid-template-columns:minmax(0,1fr)}
.stones .when{text-align:left}
.stones details,.stones .more{grid-column:1}
.checks>li{grid-template-columns:minmax(0,1fr)}
.circle{grid-template-columns:minmax(0,1fr)}
.days>li{grid-template-columns:minmax(0,1fr)}
.days ol>li{grid-template-columns:3rem minmax(0,1fr) auto;gap:0 .6rem;padding:.35rem 0}
.days ol>li .what{grid-column:2/-1;grid-row:2}
.found{padding:.85rem .9rem}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
@media print{
:root{--paper:#fff;--raised:#fff;--ink:#000;--quiet:#444;--rule:#bbb;--code:#fff;--link:#000;--pass:#0d5029;--fail:#8a120c;--open:#5e3b00;--none:#444}
html{font-size:10.5pt}
body{max-width:none;padding:0}
.find,nav.jump,.skip{display:none}
details::details-content{content-visibility:visible;height:auto;block-size:auto}
.found,.stones>li,.days ol>li,.checks>li,figure{break-inside:avoid}
h2,h3{break-after:avoid}
section{margin-top:1.4rem}
pre{max-height:none;overflow:visible}
a{text-decoration:none}}
`.trim()

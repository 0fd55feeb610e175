# Copyright (c) 2026, the eco2.platform authors
# GNU General Public License v3.0 or later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the report looks: light and dark, on a phone, and on paper. Private to this collection."""

from __future__ import annotations

STYLE = """
:root{--back:#f6f7f9;--card:#fff;--ink:#1c2430;--muted:#5c6675;--edge:#d5dae1;--line:#8a96a6;--exchange:#e4edfb;--queue:#eef5ec;
--good:#1d6b37;--bad:#a3241c;--bad-back:#fdeceb;--new:#7a4d00;--new-back:#fff3da;--gone:#6b2f8a;--gone-back:#f6eafb;--chip:#eef1f5}
@media(prefers-color-scheme:dark){:root{--back:#12161c;--card:#1b212a;--ink:#e7ebf1;--muted:#9aa5b4;--edge:#323b48;--line:#76839a;
--exchange:#20344f;--queue:#20382a;--good:#78d396;--bad:#ff9d94;--bad-back:#42201f;--new:#ffcf73;--new-back:#3f3012;--gone:#dcadf2;
--gone-back:#38203f;--chip:#272f3b}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI","DejaVu Sans",sans-serif;
-webkit-text-size-adjust:100%;overflow-wrap:anywhere}
main{max-width:1500px;margin:0 auto;padding:20px 16px 48px}
header{display:flex;flex-wrap:wrap;align-items:center;gap:4px 14px}
h1{font-size:26px;margin:0}h2{font-size:19px;margin:34px 0 10px;display:inline-block}h3{font-size:15px;margin:0 0 4px}
p{margin:4px 0}header p{flex-basis:100%}
.muted{color:var(--muted);font-size:13px}
code,pre,.graph text{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{font-size:12.5px}pre{overflow:auto;padding:12px;background:var(--card);border:1px solid var(--edge);border-radius:8px;font-size:12px}
.badge{display:inline-block;padding:1px 9px;border-radius:99px;border:1px solid var(--edge);background:var(--chip);font-size:13px;
font-weight:600;margin-right:5px}
.badge.good{color:var(--good)}.badge.bad{color:var(--bad);background:var(--bad-back);border-color:var(--bad)}
.badge.differs{color:var(--bad);background:var(--bad-back);border-color:var(--bad)}
.badge.missing{color:var(--new);background:var(--new-back);border:1px dashed var(--new)}
.badge.not-declared{color:var(--gone);background:var(--gone-back);border-color:var(--gone)}
h2+.badge{margin-left:12px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(118px,1fr));gap:10px;list-style:none;padding:0;margin:18px 0 0}
.tiles li{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:10px 14px}
.tiles b{display:block;font-size:22px;line-height:1.2}.tiles span{color:var(--muted);font-size:13px}
table{border-collapse:collapse;width:100%;background:var(--card);font-size:14px}
th,td{text-align:left;vertical-align:top;padding:7px 12px;border-bottom:1px solid var(--edge)}th{color:var(--muted);font-weight:600}
td:first-child{white-space:nowrap}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--edge);border-radius:10px}
.before-after,.reason{color:var(--bad);font-size:13px}
ul.plain{list-style:none;padding:0;margin:0}ul.plain li{padding:6px 0}
details{margin:6px 0}summary{cursor:pointer;padding:4px 0;font-weight:600}summary span.muted{font-weight:400}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(330px,100%),1fr));gap:12px}
.card{background:var(--card);border:1px solid var(--edge);border-radius:10px;padding:12px 14px;min-width:0}
.card.differs{border:2px solid var(--bad)}.card.missing{border:2px dashed var(--new)}.card.not-declared{border:2px dotted var(--gone)}
.card details summary{font-weight:400;font-size:13px;color:var(--muted)}
.chips code{display:inline-block;background:var(--chip);border-radius:5px;padding:1px 7px;margin:2px 0}
.chips.taints code{background:none;border:1px solid var(--line)}.chips b{font-size:13px;font-weight:600;color:var(--muted)}
.servers{list-style:none;padding:0;margin:6px 0}.servers b{display:inline-block;min-width:62px;font-size:13px;color:var(--muted)}
.graph{display:block}.graph text{font-size:12px;fill:var(--ink)}.graph text.about,.graph .line text{font-size:10px;fill:var(--muted)}
.graph rect{stroke:var(--line);fill:var(--queue)}.graph .exchange rect{fill:var(--exchange)}
.graph path{fill:none;stroke:var(--line);stroke-width:1.3}.graph .way path{stroke-dasharray:5 4}
.graph .line:hover path{stroke:var(--ink);stroke-width:2.2}
.graph .point.differs rect{stroke:var(--bad);stroke-width:3;fill:var(--bad-back)}
.graph .point.missing rect{stroke:var(--new);stroke-width:2.5;stroke-dasharray:6 4;fill:var(--new-back)}
.graph .point.not-declared rect{stroke:var(--gone);stroke-width:3;stroke-dasharray:2 3;fill:var(--gone-back)}
.graph text.mark{font-weight:700}.graph .differs .mark{fill:var(--bad)}.graph .missing .mark{fill:var(--new)}
.graph .not-declared .mark{fill:var(--gone)}
.graph .line.missing path{stroke:var(--new);stroke-width:2;stroke-dasharray:6 4}.graph .line.missing text{fill:var(--new);font-weight:700}
.graph .line.not-declared path{stroke:var(--gone);stroke-width:2;stroke-dasharray:2 3}
.graph .line.not-declared text{fill:var(--gone);font-weight:700}
#tip path{fill:var(--line);stroke:none}.hidden{position:absolute;width:0;height:0}
@media(max-width:640px){thead{display:none}tr,td{display:block;border:0}tr{border-bottom:1px solid var(--edge);
padding:8px 0}td{padding:1px 12px}}
@media print{:root{--back:#fff;--card:#fff;--ink:#000;--muted:#444;--edge:#bbb;--line:#555;--exchange:#eef3fb;--queue:#f2f7f0;
--good:#1d6b37;--bad:#a3241c;--bad-back:#fff;--new:#7a4d00;--new-back:#fff;--gone:#6b2f8a;--gone-back:#fff;--chip:#f2f2f2}
main{padding:0;max-width:none}.card,tr,.tiles{break-inside:avoid}h2{break-after:avoid}.wide{overflow:visible}
.graph{max-width:100%;height:auto}body{font-size:12px}}
"""

# The arrowhead of all pictures of the page.
TIP = (
    '<svg class="hidden" aria-hidden="true"><defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6"'
    ' orient="auto-start-reverse"><path d="M0 0L8 4L0 8z"/></marker></defs></svg>'
)

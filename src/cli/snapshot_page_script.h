// The page of `vramcast snapshot --html`: markup, style and script, without anything from outside.
#pragma once

#include <string_view>

namespace vramcast::cli {

inline constexpr std::string_view kPageHead = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>GPU memory</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
body{font:14px system-ui,sans-serif;margin:1rem auto;max-width:1200px;color:#1b1f24;background:#fff}
canvas{width:100%;display:block;border:1px solid #d0d7de;border-radius:4px;background:#fafbfc}
h1{font-size:1.1rem;word-break:break-all}h2{font-size:1rem;margin:1rem 0 .3rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:2px 8px;border-bottom:1px solid #eaeef2}
td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.note{color:#57606a}button,select{font:inherit}
</style></head><body>
<h1 id="title"></h1>
<p><label>GPU <select id="device"></select></label>
<button id="peak">go to the peak</button> <button id="all">show all</button>
<span class="note">Wheel zooms, dragging moves, a click shows that moment.</span></p>
<canvas id="chart" height="260"></canvas>
<p id="where"></p>
<h2>Segments at this event</h2><canvas id="segments" height="220"></canvas>
<p class="note" id="under">Each row is a stretch of memory; filled parts are allocated.</p>
<h2>Allocated at this event</h2><table id="table"></table>
)html";

inline constexpr std::string_view kPageScript = R"js("use strict";
const $=id=>document.getElementById(id);
const fmt=b=>{const u=["B","KiB","MiB","GiB"];let i=0,v=b;while(Math.abs(v)>=1024&&i<3){v/=1024;i++}return v.toFixed(i?2:0)+" "+u[i]};
const colour={parameters:"#1f77b4",gradients:"#d62728",optimizer:"#9467bd",activations:"#2ca02c",logits:"#ff7f0e",communication:"#17becf",workspace:"#8c564b",other:"#7f7f7f"};
let dev=null,from=0,to=1,at=0,drag=null,regions=[];
$("title").textContent=data.title;
data.devices.forEach((d,i)=>{const o=document.createElement("option");o.value=i;o.textContent=i;$("device").append(o)});
function fit(c){const r=devicePixelRatio||1;const h=Number(c.getAttribute("data-h")||c.getAttribute("height"));c.setAttribute("data-h",h);c.width=c.clientWidth*r;c.height=h*r;c.style.height=h+"px";const g=c.getContext("2d");g.setTransform(r,0,0,r,0,0);return [g,c.clientWidth,h]}
function pick(i){dev=data.devices[i];from=0;to=Math.max(dev.events,1);at=Math.max(dev.peak_event,0);draw();moment()}
function draw(){const [g,w,h]=fit($("chart"));g.clearRect(0,0,w,h);const p=dev.points;if(!p.length)return;
const vis=p.filter(q=>q[0]>=from-(to-from)*.02&&q[0]<=to+(to-from)*.02);const top=Math.max(1,...vis.map(q=>Math.max(q[1],q[2])))*1.08;
const x=e=>(e-from)/(to-from)*w,y=v=>h-18-v/top*(h-26);
const area=(k,fill)=>{g.beginPath();vis.forEach((q,i)=>{const X=x(q[0]),Y=y(q[k]);if(i){g.lineTo(X,y(vis[i-1][k]));g.lineTo(X,Y)}else g.moveTo(X,Y)});if(!vis.length)return;g.lineTo(x(vis[vis.length-1][0]),h-18);g.lineTo(x(vis[0][0]),h-18);g.closePath();g.fillStyle=fill;g.fill()};
area(2,"#d8dee4");area(1,"#54aeff");
g.fillStyle="#1b1f24";g.font="11px system-ui";for(let i=1;i<=4;i++){const v=top*i/4.4;g.fillText(fmt(v),4,y(v)-2);g.fillRect(0,y(v),w,.3)}
g.fillText("event "+Math.round(from).toLocaleString("en"),4,h-4);const e="event "+Math.round(to).toLocaleString("en");g.fillText(e,w-g.measureText(e).width-4,h-4);
g.fillStyle="#cf222e";g.fillRect(x(at),0,1.5,h-18)}
function moment(){const c=dev.columns,live=new Map(),seg=new Map();
for(let i=0;i<c.event.length&&c.event[i]<=at;i++){const a=parseInt(c.address[i],16);
switch(c.action[i]){case 0:live.set(a,i);break;case 1:live.delete(a);break;case 2:seg.set(a,(seg.get(a)||0)+c.size[i]);break;
case 3:{let left=c.size[i],b=a,done=false;for(const [s,n] of [...seg]){if(b>=s&&b<s+n){seg.delete(s);if(b>s)seg.set(s,b-s);if(s+n>b+left)seg.set(b+left,s+n-b-left);done=true;break}}if(!done){for(const [s,n] of [...seg])if(s>=b&&s+n<=b+left)seg.delete(s)}}}}
const rows=new Map();let sum=0;for(const i of live.values()){const k=c.stack[i]<0?"without a stack":data.lines[c.stack[i]];const r=rows.get(k)||{bytes:0,n:0,kind:c.stack[i]<0?"other":data.kinds[c.stack[i]]};r.bytes+=c.size[i];r.n++;sum+=c.size[i];rows.set(k,r)}
const t=$("table");t.replaceChildren();const head=t.insertRow();["size","share","blocks","kind","line"].forEach(x=>{const e=document.createElement("th");e.textContent=x;head.append(e)});
[...rows].sort((a,b)=>b[1].bytes-a[1].bytes).slice(0,40).forEach(([k,r])=>{const row=t.insertRow();[fmt(r.bytes),(100*r.bytes/sum).toFixed(1)+" %",r.n,r.kind,k].forEach((x,i)=>{const e=row.insertCell();e.textContent=x;if(i<3)e.className="n";if(i==3)e.style.color=colour[r.kind]})});
$("where").textContent="Event "+at.toLocaleString("en")+": "+fmt(sum)+" allocated"+(c.left_out_below>512?" in blocks of at least "+fmt(c.left_out_below):"")+", "+fmt([...seg.values()].reduce((a,b)=>a+b,0))+" reserved.";
regions=[...seg].sort((a,b)=>a[0]-b[0]);const joined=[];for(const [a,n] of regions){const l=joined[joined.length-1];if(l&&l[0]+l[1]===a)l[1]+=n;else joined.push([a,n])}
const rowsDrawn=joined.slice().sort((a,b)=>b[1]-a[1]).slice(0,40);const cv=$("segments");cv.setAttribute("data-h",Math.max(40,rowsDrawn.length*14+8));const [g,w]=fit(cv);
const big=Math.max(1,...rowsDrawn.map(s=>s[1]));const blocks=[...live].sort((a,b)=>a[0]-b[0]);
rowsDrawn.forEach(([a,n],r)=>{const y=4+r*14;g.fillStyle="#d8dee4";g.fillRect(0,y,Math.max(2,n/big*w),11);
for(const [b,i] of blocks){if(b<a||b>=a+n)continue;g.fillStyle=colour[c.stack[i]<0?"other":data.kinds[c.stack[i]]]||"#7f7f7f";g.fillRect((b-a)/big*w,y,Math.max(.5,c.size[i]/big*w),11)}});
$("under").textContent="Each row is a stretch of memory ("+joined.length+" in all"+(joined.length>40?", the 40 largest shown":"")+"); filled parts are allocated, grey parts reserved and free."}
const chart=$("chart");
chart.addEventListener("wheel",e=>{e.preventDefault();const m=from+(to-from)*e.offsetX/chart.clientWidth,k=e.deltaY<0?.7:1/.7;from=Math.max(0,m-(m-from)*k);to=Math.min(Math.max(dev.events,1),m+(to-m)*k);if(to-from<10)to=from+10;draw()},{passive:false});
chart.addEventListener("pointerdown",e=>{drag={x:e.offsetX,from,to,moved:false};chart.setPointerCapture(e.pointerId)});
chart.addEventListener("pointermove",e=>{if(!drag)return;const d=(drag.x-e.offsetX)/chart.clientWidth*(drag.to-drag.from);if(Math.abs(drag.x-e.offsetX)>3)drag.moved=true;if(drag.moved){const n=Math.max(0,Math.min(drag.from+d,Math.max(dev.events,1)-(drag.to-drag.from)));to=n+drag.to-drag.from;from=n;draw()}});
chart.addEventListener("pointerup",e=>{if(drag&&!drag.moved){at=Math.max(0,Math.min(dev.events-1,Math.round(from+(to-from)*e.offsetX/chart.clientWidth)));draw();moment()}drag=null});
$("device").addEventListener("change",e=>pick(Number(e.target.value)));
$("peak").addEventListener("click",()=>{at=Math.max(dev.peak_event,0);draw();moment()});
$("all").addEventListener("click",()=>{from=0;to=Math.max(dev.events,1);draw()});
addEventListener("resize",()=>{draw();moment()});
if(data.devices.length){const first=data.devices.findIndex(d=>d.events>0||d.columns.event.length);$("device").value=Math.max(first,0);pick(Math.max(first,0))}
)js";

}  // namespace vramcast::cli

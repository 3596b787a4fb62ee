// The page of `vramcast snapshot --html`: markup, style and script, without anything from outside.
#pragma once

#include <string_view>

namespace vramcast::cli {

inline constexpr std::string_view kPageHead = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>GPU memory</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<style>
body{font:14px system-ui,sans-serif;margin:1rem auto;padding:0 1rem;max-width:1200px;color:#1b1f24;background:#fff}
canvas{width:100%;display:block;border:1px solid #d0d7de;border-radius:4px;background:#fafbfc}
canvas:focus-visible,tr:focus-visible{outline:2px solid #0969da}
h1{font-size:1.1rem;word-break:break-all}h2{font-size:1rem;margin:1rem 0 .3rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:2px 8px;border-bottom:1px solid #eaeef2}
td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}td.w{word-break:break-word}
tbody tr{cursor:pointer}tbody tr:hover{background:#f6f8fa}tr.on{background:#fff8c5}
.note{color:#57606a}button,select,input{font:inherit}input{width:7em}
#verdict{padding-left:1.2rem}.key{display:inline-block;margin-right:1em}
.key i{display:inline-block;width:.8em;height:.8em;margin-right:.3em;border-radius:2px}
#tip{position:fixed;pointer-events:none;background:#1b1f24;color:#fff;padding:4px 8px;border-radius:4px;font-size:12px;max-width:36em;display:none}
</style></head><body>
<h1 id="title"></h1>
<p><label>GPU <select id="device"></select></label></p>
<ul id="verdict"></ul>
<h2>Memory over time</h2>
<p><button id="peak">go to the peak</button> <button id="oom">go to where memory ran out</button>
<button id="all">show all</button> <label>event <input id="event" type="number" min="0"></label>
<span class="note">Wheel or + and − zoom, dragging moves, a click or the arrow keys choose the moment.</span></p>
<canvas id="chart" height="280" tabindex="0" aria-label="allocated and reserved memory over the events of the recording"></canvas>
<p id="keys"></p>
<p id="where" aria-live="polite"></p>
<h2>Segments at this event</h2><canvas id="segments" height="220"></canvas>
<p class="note" id="under"></p>
<h2>Allocated at this event</h2>
<p class="note">A click on a row marks its blocks in the segments.</p>
<table><thead><tr><th>size<th>share<th>blocks<th>kind<th>line</tr></thead><tbody id="rows"></tbody></table>
<div id="tip"></div>
)html";

inline constexpr std::string_view kPageScript = R"js("use strict";
const $=id=>document.getElementById(id);
const size=b=>{const u=["B","KiB","MiB","GiB","TiB"];let i=0,v=b;while(Math.abs(v)>=1024&&i<4){v/=1024;i++}return v.toFixed(i?2:0)+" "+u[i]};
const count=n=>n.toLocaleString("en");
const kinds=[["parameters","#1f77b4"],["gradients","#d62728"],["optimizer","#9467bd"],["activations","#2ca02c"],["logits","#ff7f0e"],["communication","#17becf"],["workspace","#8c564b"],["other","#8b949e"]];
const colour=Object.fromEntries(kinds),place=Object.fromEntries(kinds.map((k,i)=>[k[0],i]));
const BEFORE=-2;
let dev=null,from=0,to=1,at=0,drag=null,marked=null,drawn=[];
const lineOf=s=>s===BEFORE?data.before:s<0?data.none:data.lines[s];
const kindOf=s=>s===BEFORE?"other":s<0?data.none_kind:data.kinds[s];
const last=()=>Math.max(dev.events,1);

// The canvas at the screen's own resolution; in coordinates of the page.
function canvas(c,h){const r=devicePixelRatio||1;c.width=Math.max(1,c.clientWidth*r);c.height=h*r;c.style.height=h+"px";const g=c.getContext("2d");g.setTransform(r,0,0,r,0,0);g.font="11px system-ui";return [g,c.clientWidth,h]}

// Allocated bytes by kind and reserved bytes after each row of the columns.
function prepare(d){const c=d.columns,n=c.event.length,k=kinds.length;d.reserved=new Float64Array(n);d.by=Array.from({length:k},()=>new Float64Array(n));
const now=new Float64Array(k),kind=new Map();let reserved=0;
for(let i=0;i<n;i++){const a=c.address[i];
switch(c.action[i]){case 0:{const p=place[kindOf(c.stack[i])]??k-1;now[p]+=c.size[i];kind.set(a,[p,c.size[i]]);break}
case 1:{const l=kind.get(a);if(l){now[l[0]]-=l[1];kind.delete(a)}break}
case 2:reserved+=c.size[i];break;case 3:reserved-=c.size[i]}
d.reserved[i]=reserved;for(let p=0;p<k;p++)d.by[p][i]=now[p]}
d.ready=true}

function pick(i){dev=data.devices[i];if(!dev.ready)prepare(dev);from=0;to=last();marked=null;
const v=$("verdict");v.replaceChildren();for(const line of dev.verdict){const e=document.createElement("li");e.textContent=line;v.append(e)}
const oom=dev.columns.action.indexOf(4);$("oom").hidden=oom<0;dev.oom=oom<0?null:dev.columns.event[oom];
$("event").max=last()-1;choose(dev.peak_event)}
function choose(e){at=Math.max(-1,Math.min(dev.events-1,e));$("event").value=Math.max(at,0);draw();moment()}

// The row of the columns that holds after event e.
function rowAt(e){const c=dev.columns.event;let a=0,b=c.length;while(a<b){const m=(a+b)>>1;c[m]<=e?a=m+1:b=m}return a-1}
function ticks(top){let step=2**Math.floor(Math.log2(top/4));if(top/step>6)step*=2;const t=[];for(let v=step;v<top*.97;v+=step)t.push(v);return t}

function draw(){const [g,w,h]=canvas($("chart"),280);g.clearRect(0,0,w,h);const base=h-18,k=kinds.length;
const per=(to-from)/w,cols=[];let top=1;
// By pixel column: the row at which most was allocated, and the most reserved.
for(let x=0;x<w;x++){let a=rowAt(from+x*per),b=rowAt(from+(x+1)*per);a=Math.max(a,0);b=Math.max(a,b);let best=a,sum=-1,r=0;
for(let i=a;i<=b&&i<dev.reserved.length;i++){let s=0;for(let p=0;p<k;p++)s+=dev.by[p][i];if(s>sum){sum=s;best=i}if(dev.reserved[i]>r)r=dev.reserved[i]}
if(dev.reserved.length)cols.push([best,r]);top=Math.max(top,sum,r)}
if(dev.exact_points)for(const q of dev.points)if(q[0]>=from&&q[0]<=to)top=Math.max(top,q[1],q[2]);
top*=1.06;const y=v=>base-v/top*(base-8);
cols.forEach(([i,r],x)=>{g.fillStyle="#d8dee4";g.fillRect(x,y(r),1,base-y(r));let s=0;
for(let p=0;p<k;p++){const v=dev.by[p][i];if(v<=0)continue;g.fillStyle=kinds[p][1];g.fillRect(x,y(s+v),1,y(s)-y(s+v));s+=v}});
// Where small blocks were left out, the true curve lies above the filled part.
if(dev.exact_points){g.strokeStyle="#1b1f24";g.beginPath();dev.points.forEach((q,i)=>{const X=(q[0]-from)/per;i?g.lineTo(X,y(q[1])):g.moveTo(X,y(q[1]))});g.stroke()}
g.fillStyle="#1b1f24";for(const v of ticks(top)){g.globalAlpha=.25;g.fillRect(0,y(v),w,1);g.globalAlpha=1;g.fillText(size(v),4,y(v)-3)}
const left="event "+count(Math.round(from)),right="event "+count(Math.round(to));g.fillText(left,4,h-4);g.fillText(right,w-g.measureText(right).width-4,h-4);
const line=(e,c,dash)=>{const X=(e-from)/per;if(X<-2||X>w+2)return;g.strokeStyle=c;g.setLineDash(dash);g.lineWidth=1.5;g.beginPath();g.moveTo(X,0);g.lineTo(X,base);g.stroke();g.setLineDash([])};
if(dev.oom!==null)line(dev.oom,"#cf222e",[4,3]);line(Math.max(at,0),"#1b1f24",[]);
drawn=cols}

function moment(){const c=dev.columns,live=new Map(),seg=new Map();
for(let i=0;i<c.event.length&&c.event[i]<=at;i++){const a=c.address[i];
switch(c.action[i]){case 0:live.set(a,i);break;case 1:live.delete(a);break;case 2:seg.set(a,(seg.get(a)||0)+c.size[i]);break;
case 3:{const end=a+c.size[i];for(const [s,n] of [...seg]){if(s+n<=a||s>=end)continue;seg.delete(s);if(s<a)seg.set(s,a-s);if(s+n>end)seg.set(end,s+n-end)}}}}
const rows=new Map();let sum=0;for(const i of live.values()){const s=c.stack[i],k=lineOf(s),r=rows.get(k)||{bytes:0,n:0,most:0,kind:kindOf(s)};r.bytes+=c.size[i];r.n++;if(c.size[i]>r.most){r.most=c.size[i];r.kind=kindOf(s)}sum+=c.size[i];rows.set(k,r)}
const sorted=[...rows].sort((a,b)=>b[1].bytes-a[1].bytes),t=$("rows");t.replaceChildren();
for(const [k,r] of sorted.slice(0,40)){const row=t.insertRow();row.tabIndex=0;row.className=k===marked?"on":"";
[size(r.bytes),sum?(100*r.bytes/sum).toFixed(1)+" %":"",count(r.n),r.kind,k].forEach((x,i)=>{const e=row.insertCell();e.textContent=x;e.className=i<3?"n":i===4?"w":"";if(i===3)e.style.color=colour[r.kind]});
const mark=()=>{marked=marked===k?null:k;moment()};row.addEventListener("click",mark);row.addEventListener("keydown",e=>{if(e.key==="Enter")mark()})}
if(sorted.length>40){const e=t.insertRow().insertCell();e.colSpan=5;e.className="note";e.textContent="and "+count(sorted.length-40)+" more lines"}
const held=[...seg.values()].reduce((a,b)=>a+b,0),row=rowAt(at);
const seconds=dev.seconds&&at>=0?", "+dev.seconds[Math.min(dev.seconds.length-1,Math.floor(at/dev.seconds_every))].toFixed(2)+" s into the recording":"";
$("where").textContent=(at<0?"Before the first event":"Event "+count(at)+seconds)+": "+size(sum)+" allocated"+(c.left_out_below>512?" in blocks of at least "+size(c.left_out_below)+" (smaller ones are left out of this page)":"")+", "+size(held)+" reserved"+(held>sum?", "+size(held-sum)+" of it free":"")+".";
segments(c,live,seg)}

function segments(c,live,seg){const regions=[...seg].sort((a,b)=>a[0]-b[0]),joined=[];
for(const [a,n] of regions){const l=joined[joined.length-1];if(l&&l[0]+l[1]===a)l[1]+=n;else joined.push([a,n])}
// A long stretch is broken into rows of one length, so that blocks stay wide enough to see.
const total=joined.reduce((s,j)=>s+j[1],0),long=Math.max(...joined.map(j=>j[1]),1),width=Math.min(long,Math.max(total/24,2*2**20));
const rows=[];for(const [a,n] of joined.sort((a,b)=>b[1]-a[1]))for(let o=0;o<n;o+=width)rows.push([a+o,Math.min(width,n-o)]);
const most=60,shown=rows.slice(0,most),cv=$("segments"),H=14,[g,w]=canvas(cv,Math.max(40,shown.length*H+8));
const blocks=[...live].sort((a,b)=>a[0]-b[0]),starts=blocks.map(b=>b[0]);cv.boxes=[];
shown.forEach(([a,n],r)=>{const y=4+r*H;g.fillStyle="#d8dee4";g.fillRect(0,y,Math.max(1,n/width*w),H-3);
let lo=0,hi=starts.length;while(lo<hi){const m=(lo+hi)>>1;starts[m]<a?lo=m+1:hi=m}if(lo>0)lo--;
for(let j=lo;j<blocks.length&&blocks[j][0]<a+n;j++){const [b,i]=blocks[j],end=Math.min(b+c.size[i],a+n),begin=Math.max(b,a);if(end<=begin)continue;
const k=lineOf(c.stack[i]);g.globalAlpha=marked===null||marked===k?1:.25;g.fillStyle=colour[kindOf(c.stack[i])]||"#8b949e";const x=(begin-a)/width*w,l=Math.max(.5,(end-begin)/width*w-(l0(end-begin)>2?.5:0));
g.fillRect(x,y,l,H-3);cv.boxes.push([x,y,l,H-3,i])}g.globalAlpha=1});
function l0(n){return n/width*w}
$("under").textContent=joined.length?count(joined.length)+" stretch"+(joined.length>1?"es":"")+" of memory, a row is "+size(width)+(rows.length>most?", the "+most+" rows of the largest shown":"")+": coloured parts are allocated, grey parts reserved and free.":"No segment is known at this event."}

function tip(e,text){const t=$("tip");t.style.display=text?"block":"none";if(!text)return;t.textContent=text;t.style.left=Math.min(e.clientX+12,innerWidth-t.offsetWidth-8)+"px";t.style.top=Math.min(e.clientY+14,innerHeight-t.offsetHeight-8)+"px"}
function zoom(m,k){const span=Math.min(last(),Math.max(10,(to-from)*k)),share=(m-from)/(to-from);from=Math.max(0,m-share*span);to=Math.min(last(),from+span);from=Math.max(0,to-span);draw()}
const chart=$("chart"),eventAt=e=>from+(to-from)*e.offsetX/chart.clientWidth;
chart.addEventListener("wheel",e=>{e.preventDefault();zoom(eventAt(e),e.deltaY<0?.7:1/.7)},{passive:false});
chart.addEventListener("pointerdown",e=>{drag={x:e.offsetX,from,to,moved:false};chart.setPointerCapture(e.pointerId)});
chart.addEventListener("pointermove",e=>{if(drag){const d=(drag.x-e.offsetX)/chart.clientWidth*(drag.to-drag.from);if(Math.abs(drag.x-e.offsetX)>3)drag.moved=true;if(drag.moved){from=Math.max(0,Math.min(drag.from+d,last()-(drag.to-drag.from)));to=from+drag.to-drag.from;draw();tip(e,"")}return}
const c=drawn[Math.floor(e.offsetX)];if(!c){tip(e,"");return}let s=0;for(let p=0;p<kinds.length;p++)s+=dev.by[p][c[0]];tip(e,"event "+count(Math.max(0,dev.columns.event[c[0]]))+": "+size(s)+" allocated, "+size(c[1])+" reserved")});
chart.addEventListener("pointerup",e=>{if(drag&&!drag.moved){const c=drawn[Math.floor(e.offsetX)];choose(c&&to-from>chart.clientWidth?dev.columns.event[c[0]]:Math.round(eventAt(e)))}drag=null});
chart.addEventListener("pointerleave",e=>tip(e,""));
chart.addEventListener("keydown",e=>{const step=e.shiftKey?Math.max(1,Math.round((to-from)/50)):1;
if(e.key==="ArrowRight")choose(at+step);else if(e.key==="ArrowLeft")choose(at-step);else if(e.key==="+")zoom(at,.7);else if(e.key==="-"||e.key==="−")zoom(at,1/.7);else return;e.preventDefault()});
$("segments").addEventListener("pointermove",e=>{const c=dev.columns,b=($("segments").boxes||[]).find(([x,y,w,h])=>e.offsetX>=x&&e.offsetX<=x+w&&e.offsetY>=y&&e.offsetY<=y+h);
tip(e,b?size(c.size[b[4]])+" "+kindOf(c.stack[b[4]])+": "+lineOf(c.stack[b[4]])+(c.event[b[4]]<0?", there before the recording":", allocated at event "+count(c.event[b[4]])):"")});
$("segments").addEventListener("pointerleave",e=>tip(e,""));
$("device").addEventListener("change",e=>pick(Number(e.target.value)));
$("peak").addEventListener("click",()=>choose(dev.peak_event));
$("oom").addEventListener("click",()=>choose(dev.oom-1));
$("all").addEventListener("click",()=>{from=0;to=last();draw()});
$("event").addEventListener("change",e=>choose(Number(e.target.value)||0));
addEventListener("resize",()=>{draw();moment()});
$("title").textContent=document.title=data.title;
for(const [name,c] of [...kinds,["reserved and free","#d8dee4"]]){const e=document.createElement("span");e.className="key";const i=document.createElement("i");i.style.background=c;e.append(i,name);$("keys").append(e)}
// Addresses are counted in units of 512 bytes, which a number holds exactly.
for(const d of data.devices)d.columns.address=d.columns.address.map(a=>a*512);
data.devices.forEach((d,i)=>{const o=document.createElement("option");o.value=i;o.textContent=i;$("device").append(o)});
if(data.devices.length){const used=Math.max(0,data.devices.findIndex(d=>d.events>0||d.columns.event.length));$("device").value=used;pick(used)}
)js";

}  // namespace vramcast::cli

'use strict';
// The console's own elements: plain custom elements, so that no bundler is needed.
// Text from data is set with textContent only.
(() => {
  const SHAPES = {
    fleet: 'M4 5h16M4 12h16M4 19h16M8 5v14M16 5v14',
    requests: 'M4 6h10M4 12h16M4 18h7M18 4v4M14 16v4',
    audit: 'M8 4h8v3H8zM6 5H5v16h14V5h-1M9 12h6M9 16h4',
    system: 'M4 7h9M17 7h3M4 17h3M11 17h9M15 4.500v5M9 14.500v5',
    people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.6-3.6 3-5.5 6.5-5.500s5.9 1.9 6.5 5.500M16 4.500a3.3 3.3 0 0 1 0 6M18 14.800c1.9.8 3.1 2.5 3.5 5.2',
    person: 'M12 11.500a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.5 20.500c.8-4 3.5-6 7.5-6s6.7 2 7.5 6',
    theme: 'M12 3.500a8.5 8.5 0 1 0 0 17zM12 3.500a8.5 8.5 0 0 1 0 17',
    check: 'M5 12.500l4.5 4.500L19 7.5',
    cross: 'M6.5 6.500l11 11M17.5 6.500l-11 11',
    alert: 'M12 4l9 16H3zM12 10v4.500M12 17.300v.2',
    pause: 'M9 6v12M15 6v12',
    loader: 'M12 3.500a8.5 8.5 0 1 1-8.5 8.5',
    info: 'M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM12 11v5.500M12 7.700v.2',
    search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.500L20.5 20.5',
    copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
    download: 'M12 4v11M7 11l5 5 5-5M4 20h16',
    drain: 'M6 4h12M8 4v5l-3 6v5h14v-5l-3-6V4M5 15h14',
    play: 'M8 5l11 7-11 7z',
    stop: 'M7 7h10v10H7z',
    cordon: 'M12 3.500a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM6 6l12 12',
    weight: 'M12 4v16M5 8h14M5 8l-2.5 6h5zM19 8l-2.5 6h5zM8 20h8',
    restart: 'M19.5 9A8 8 0 1 0 20 13.500M20 4v5h-5',
    up: 'M12 20V5M6 11l6-6 6 6',
    open: 'M14 4h6v6M20 4l-9 9M18 14v6H4V6h6',
    plus: 'M12 5v14M5 12h14',
    trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
    key: 'M8.5 11.500a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11.5 12.500L20 4M16 8l3 3',
    tenants: 'M4 20V8l8-4 8 4v12M4 20h16M9 20v-5h6v5M9 10.500h.2M15 10.500h.2',
    edit: 'M4 20h4L19.5 8.500l-4-4L4 16zM13 7l4 4',
    drill: 'M13 3L5 13.500h6L10 21l9-11h-6.5z',
    playground: 'M4 5h16v11H10l-5 4v-4H4zM8 9h8M8 12.500h5',
    models: 'M12 3l8 4.500v9L12 21l-8-4.500v-9zM4 7.500l8 4.500 8-4.500M12 12v9',
    slo: 'M4 16a8 8 0 0 1 16 0M12 16l4-5.500M4 20h16',
    send: 'M4 12l16-8-6 16-3-7z',
    live: 'M3 12h4l3-7 4 14 3-7h4',
  };

  class SbIcon extends HTMLElement {
    static get observedAttributes() { return ['name']; }
    attributeChangedCallback() { if (this.isConnected) this.draw(); }
    connectedCallback() { this.draw(); }
    draw() {
      const name = this.getAttribute('name');
      const ns = 'http://www.w3.org/2000/svg';
      const svg = document.createElementNS(ns, 'svg');
      svg.setAttribute('viewBox', '0 0 24 24');
      if (name === 'mark') {
        svg.setAttribute('viewBox', '0 0 32 32');
        const rect = document.createElementNS(ns, 'rect');
        for (const [k, v] of Object.entries({width: 32, height: 32, rx: 7, class: 'mark'})) rect.setAttribute(k, v);
        svg.append(rect);
        for (const [d, o] of [['M6 10h6c6 0 5 12 11 12h3', 1], ['M6 22h6c1.8 0 3-1.2 3.9-3', .6], ['M17.6 13c.9-1.8 2.2-3 4.4-3h4', .6]]) {
          const path = document.createElementNS(ns, 'path');
          path.setAttribute('d', d); path.setAttribute('opacity', o); path.setAttribute('class', 'mark-line');
          svg.append(path);
        }
      } else {
        const path = document.createElementNS(ns, 'path');
        path.setAttribute('d', SHAPES[name] || SHAPES.info);
        svg.append(path);
      }
      this.replaceChildren(svg);
    }
  }

  class SbSpark extends HTMLElement {
    static get observedAttributes() { return ['points']; }
    attributeChangedCallback() { if (this.isConnected) this.draw(); }
    connectedCallback() { this.draw(); }
    draw() {
      const text = this.getAttribute('points');
      if (text === null) return;
      const values = text.split(',').map(v => v === '' ? NaN : Number(v));
      const known = values.filter(v => !Number.isNaN(v));
      const ns = 'http://www.w3.org/2000/svg';
      const svg = document.createElementNS(ns, 'svg');
      svg.setAttribute('viewBox', '0 0 100 30');
      svg.setAttribute('preserveAspectRatio', 'none');
      // A line begins where anything is known, and is at least a sixth of its time.
      const from = Math.min(Math.max(0, values.findIndex(v => !Number.isNaN(v))), Math.floor(values.length * 5 / 6));
      if (known.length > 1) {
        const max = Math.max(...known, 1e-9), min = Math.min(0, ...known);
        const x = i => (i - from) * 100 / (values.length - 1 - from);
        const y = v => 28 - (v - min) / (max - min || 1) * 26;
        let line = '', first = -1, last = -1;
        values.forEach((v, i) => {
          if (Number.isNaN(v)) return;
          line += (line ? 'L' : 'M') + x(i).toFixed(2) + ' ' + y(v).toFixed(2);
          if (first < 0) first = i;
          last = i;
        });
        const area = document.createElementNS(ns, 'path');
        area.setAttribute('class', 'area');
        area.setAttribute('d', line + `L${x(last)} 30L${x(first)} 30Z`);
        const path = document.createElementNS(ns, 'path');
        path.setAttribute('class', 'line');
        path.setAttribute('d', line);
        svg.append(area, path);
      }
      this.replaceChildren(svg);
    }
  }

  let echartsLoading = null;
  const loadEcharts = () => echartsLoading ||= new Promise((resolve, reject) => {
    if (window.echarts) { resolve(window.echarts); return; }
    const script = document.createElement('script');
    script.src = 'charts/echarts.min.js';
    script.onload = () => resolve(window.echarts);
    script.onerror = () => reject(new Error('charts/echarts.min.js did not load'));
    document.head.append(script);
  });
  // One drawing of a chart to a task: several in one would hold the page up.
  let lastTurn = Promise.resolve();
  const chartsTurn = async () => {
    await loadEcharts();
    await (lastTurn = lastTurn.then(() => new Promise(done => setTimeout(done))));
  };
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const schemeWatchers = new Set();
  const schemeChanged = () => schemeWatchers.forEach(w => w());
  dark.addEventListener('change', schemeChanged);
  new MutationObserver(schemeChanged).observe(document.documentElement, {attributes: true, attributeFilter: ['style', 'theme', 'class']});
  // A custom property that is a light-dark() has to be computed as a colour of an element.
  const colour = (element, name) => {
    const probe = document.createElement('span');
    probe.style.cssText = `display:none;color:var(${name})`;
    element.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  };
  const still = () => matchMedia('(prefers-reduced-motion: reduce)').matches;
  const number = (v, unit) => {
    if (v === null || v === undefined || Number.isNaN(v)) return '–';
    if (unit === '%') return (v * 100).toFixed(v > .9995 || v === 0 ? 0 : 1) + ' %';
    const a = Math.abs(v);
    const digits = a >= 1e6 ? (v / 1e6).toFixed(1) + 'M' : a >= 1e4 ? (v / 1e3).toFixed(1) + 'k' : a >= 100 || a === 0 ? v.toFixed(0) : a >= 10 ? v.toFixed(1) : v.toFixed(2);
    return unit ? digits + ' ' + unit : digits;
  };
  const TEN_MINUTES = 600;
  // What an axis says: no digits that every label has.
  const tick = v => Math.abs(v) >= 1e6 ? +(v / 1e6).toFixed(2) + 'M' : Math.abs(v) >= 1e4 ? +(v / 1e3).toFixed(2) + 'k' : String(+v.toFixed(4));
  const firstKnown = (lines, count) => Math.max(0, Math.min(count - 1, ...lines.map(points => points.findIndex(v => v !== null)).filter(i => i >= 0)));
  // Where the axis of shares begins, so that its labels are round.
  const floorOfShares = lines => {
    const low = Math.min(1, ...lines.flatMap(line => line.points.filter(v => v !== null)));
    return low >= .9 ? .9 : low >= .5 ? .5 : 0;
  };
  // One point that did not come is no gap; two are.
  const bridged = points => points.map((v, i) => v !== null || i === 0 || points[i - 1] === null || points[i + 1] == null ? v : (points[i - 1] + points[i + 1]) / 2);
  const utc = seconds => new Date(seconds * 1000).toISOString().slice(11, 19);

  // Draws again when the colours or its own size change.
  class SbWatching extends HTMLElement {
    connectedCallback() {
      this.watch = () => this.restyle();
      schemeWatchers.add(this.watch);
      this.sizes = new ResizeObserver(() => this.resized());
      this.sizes.observe(this);
    }
    disconnectedCallback() { schemeWatchers.delete(this.watch); this.sizes.disconnect(); }
    restyle() { this.draw(); }
    resized() { this.draw(); }
  }

  // A chart of ECharts.
  class SbCharted extends SbWatching {
    disconnectedCallback() {
      super.disconnectedCallback();
      if (this.chart) this.chart.dispose();
      this.chart = null;
    }
    restyle() { if (this.chart) this.draw(); }
    resized() { if (this.chart) this.chart.resize(); }
  }

  // A canvas, and below it in words what the pointer is on.
  class SbCanvas extends SbWatching {
    // Once for all that changed before the next frame: what arrived, and the size in which it is shown first.
    later() { this.frameAsked ||= requestAnimationFrame(() => { this.frameAsked = 0; this.draw(); }); }
    resized() { this.later(); }
    prepare(role) {
      if (this.canvas) return false;
      this.canvas = document.createElement('canvas');
      this.canvas.setAttribute('role', role);
      this.said = document.createElement('div');
      this.said.className = 'sb-heat-said';
      this.append(this.canvas, this.said);
      return true;
    }
  }

  class SbChart extends SbCharted {
    async show(message) {
      if (message.whole || !this.data) {
        this.data = message;
      } else {
        const length = this.data.lines[0] ? this.data.lines[0].points.length : 0;
        message.lines.forEach((line, i) => {
          const all = this.data.lines[i].points;
          all.push(...line.points);
          all.splice(0, all.length - length);
        });
        this.data.end = message.end;
      }
      if (this.waiting) return;
      this.waiting = true;
      try { await chartsTurn(); } finally { this.waiting = false; }
      if (!this.isConnected) return;
      this.frame ||= this.prepare();
      this.draw();
    }
    prepare() {
      const canvas = document.createElement('div');
      canvas.className = 'sb-chart-canvas';
      canvas.setAttribute('role', 'img');
      canvas.setAttribute('aria-label', this.getAttribute('label') + '; as a table below');
      const details = document.createElement('details');
      const summary = document.createElement('summary');
      summary.textContent = 'Table';
      details.append(summary);
      details.addEventListener('toggle', () => { if (details.open) this.table(details); });
      this.append(canvas, details);
      this.details = details;
      return canvas;
    }
    colours() {
      return {
        text: colour(this, '--sb-text-2'), grid: colour(this, '--sb-line'), surface: colour(this, '--sb-surface'), strong: colour(this, '--sb-text'),
        line: name => colour(this, `--sb-series-${name}`),
      };
    }
    restyle() { if (this.chart) { cancelAnimationFrame(this.again); this.again = requestAnimationFrame(() => this.draw()); } }
    draw() {
      const d = this.data, c = this.colours(), count = d.lines[0] ? d.lines[0].points.length : 0;
      this.chart ||= window.echarts.init(this.frame, null, {renderer: 'canvas'});
      const at = i => (d.end - (count - 1 - i) * d.step) * 1000;
      const share = d.unit === '%';
      const from = Math.min(firstKnown(d.lines.map(line => line.points), count), Math.max(0, count - 1 - TEN_MINUTES / d.step));
      const least = share ? floorOfShares(d.lines) : 0;
      this.chart.setOption({
        animation: false, textStyle: {fontFamily: getComputedStyle(this).fontFamily},
        grid: {left: 8, right: 22, top: 30, bottom: 4, containLabel: true},
        legend: {top: 0, left: 4, icon: 'roundRect', itemWidth: 10, itemHeight: 3, itemGap: 14, textStyle: {color: c.text, fontSize: 11}, inactiveColor: c.grid},
        tooltip: {
          trigger: 'axis', renderMode: 'richText', backgroundColor: c.surface, borderColor: c.grid, textStyle: {color: c.strong, fontSize: 12}, axisPointer: {lineStyle: {color: c.text, width: 1}},
          formatter: points => utc(points[0].value[0] / 1000) + ' UTC\n' + points.filter(p => p.value[1] !== null).map(p => `${p.seriesName}  ${number(p.value[1], d.unit)}`).join('\n'),
        },
        xAxis: {type: 'time', min: at(from), max: at(count - 1), axisLine: {lineStyle: {color: c.grid}}, axisTick: {show: false}, axisLabel: {color: c.text, fontSize: 11, hideOverlap: true, formatter: v => d.step * count > 90000 ? new Date(v).toISOString().slice(5, 16).replace('T', ' ') : utc(v / 1000).slice(0, 5)}, splitLine: {show: false}},
        yAxis: {type: 'value', min: least, max: share ? 1 : null, interval: share ? (1 - least) / 2 : undefined, splitNumber: 3, axisLabel: {color: c.text, fontSize: 11, formatter: v => share ? Math.round(v * 100) + ' %' : tick(v)}, splitLine: {lineStyle: {color: c.grid, width: 1}}},
        series: d.lines.map((line, i) => ({
          name: line.name, type: 'line', showSymbol: false, connectNulls: false, sampling: 'lttb', lineStyle: {width: 1.5, color: c.line(line.tone)}, itemStyle: {color: c.line(line.tone)},
          areaStyle: d.lines.length <= 2 && i === 0 ? {color: c.line(line.tone), opacity: .08} : undefined, emphasis: {disabled: true},
          data: bridged(line.points).map((v, j) => [at(j), v]),
        })),
      }, {replaceMerge: ['series']});
      if (this.details.open) this.table(this.details);
    }
    table(details) {
      const d = this.data, count = d.lines[0] ? d.lines[0].points.length : 0, table = document.createElement('table');
      const row = (cells, tag) => { const tr = document.createElement('tr'); for (const text of cells) { const cell = document.createElement(tag); cell.textContent = text; tr.append(cell); } table.append(tr); };
      row(['UTC', ...d.lines.map(l => l.name)], 'th');
      for (let i = count - 1; i >= 0; i -= 12) row([utc(d.end - (count - 1 - i) * d.step), ...d.lines.map(l => number(l.points[i], d.unit))], 'td');
      const scroll = document.createElement('div');
      scroll.className = 'sb-chart-table'; scroll.tabIndex = 0; scroll.append(table);
      details.querySelector('.sb-chart-table')?.remove();
      details.append(scroll);
    }
  }

  // Numbers that add up, a bar for each hour. The server has the table below it.
  class SbStack extends SbCharted {
    async show(message) {
      this.data = message;
      await chartsTurn();
      if (!this.isConnected) return;
      if (!this.frame) {
        this.frame = document.createElement('div');
        this.frame.className = 'sb-chart-canvas';
        this.frame.setAttribute('role', 'img');
        this.frame.setAttribute('aria-label', this.getAttribute('label') + '; as a table below');
        this.append(this.frame);
      }
      this.draw();
    }
    draw() {
      const d = this.data, text = colour(this, '--sb-text-2'), grid = colour(this, '--sb-line'), surface = colour(this, '--sb-surface'), strong = colour(this, '--sb-text');
      this.chart ||= window.echarts.init(this.frame, null, {renderer: 'canvas'});
      this.chart.setOption({
        animation: false, textStyle: {fontFamily: getComputedStyle(this).fontFamily},
        grid: {left: 8, right: 22, top: 30, bottom: 4, containLabel: true},
        legend: {top: 0, left: 4, icon: 'roundRect', itemWidth: 10, itemHeight: 8, itemGap: 14, textStyle: {color: text, fontSize: 11}, inactiveColor: grid},
        tooltip: {
          trigger: 'axis', renderMode: 'richText', backgroundColor: surface, borderColor: grid, textStyle: {color: strong, fontSize: 12}, axisPointer: {type: 'shadow'},
          formatter: points => points[0].name + ' UTC\n' + points.filter(p => p.value > 0).map(p => `${p.seriesName}  ${number(p.value, d.unit)}`).join('\n'),
        },
        xAxis: {type: 'category', data: d.bars, axisLine: {lineStyle: {color: grid}}, axisTick: {show: false}, axisLabel: {color: text, fontSize: 11, hideOverlap: true, formatter: v => v.slice(-5)}},
        yAxis: {type: 'value', minInterval: d.unit ? 0 : 1, splitNumber: 3, axisLabel: {color: text, fontSize: 11, formatter: v => d.unit ? tick(v) + ' ' + d.unit : tick(v)}, splitLine: {lineStyle: {color: grid, width: 1}}},
        series: d.parts.map(part => ({
          name: part.name, type: 'bar', stack: 'all', barMaxWidth: 28, emphasis: {disabled: true},
          itemStyle: {color: colour(this, `--sb-series-${part.tone}`)}, data: part.values,
        })),
      }, {replaceMerge: ['series']});
    }
  }

  // One canvas for all ranks: stages are rows, ranks columns. Arrow keys move, what is under the cursor is said in text.
  class SbHeat extends SbCanvas {
    connectedCallback() {
      super.connectedCallback();
      if (!this.prepare('application')) return;
      this.canvas.tabIndex = 0;
      this.said.setAttribute('aria-live', 'polite');
      this.hint = this.said.textContent = 'Point at a rank, or move with the arrow keys.';
      this.scale = document.createElement('div');
      this.scale.className = 'sb-heat-scale';
      this.ends = [document.createElement('span'), document.createElement('span')];
      this.scale.append(this.ends[0], document.createElement('i'), this.ends[1]);
      this.insertBefore(this.scale, this.said);
      this.canvas.addEventListener('pointermove', e => this.point(e));
      this.canvas.addEventListener('pointerleave', () => this.choose(-1, -1));
      this.canvas.addEventListener('keydown', e => this.key(e));
    }
    show(message) {
      this.data = message;
      if (this.ends) { this.ends[0].textContent = message.low; this.ends[1].textContent = message.high; }
      if (this.canvas) this.canvas.setAttribute('aria-label', `${message.title}, ${message.stages} stages by ${message.ranks} ranks; arrow keys move, as a table below`);
      this.later();
    }
    geometry() {
      const d = this.data, left = 58, top = 20, gap = d.ranks > 32 ? 1 : 3;
      const width = Math.max(200, this.clientWidth);
      const cell = Math.max(6, (width - left) / d.ranks - gap);
      const height = Math.max(14, Math.min(40, 320 / d.stages - gap));
      return {left, top, gap, cell, height, width, total: top + d.stages * (height + gap) + 2};
    }
    draw() {
      if (!this.data || !this.canvas || !this.clientWidth) return;
      const d = this.data, g = this.geometry(), ratio = devicePixelRatio || 1;
      this.canvas.style.width = g.width + 'px'; this.canvas.style.height = g.total + 'px';
      this.canvas.width = g.width * ratio; this.canvas.height = g.total * ratio;
      const p = this.canvas.getContext('2d');
      p.scale(ratio, ratio); p.clearRect(0, 0, g.width, g.total);
      const text = colour(this, '--sb-text-2'), strong = colour(this, '--sb-text'), cold = colour(this, '--sb-heat-0'), hot = colour(this, '--sb-heat-1'), bad = colour(this, '--sb-series-bad');
      p.font = `11px ${getComputedStyle(this).fontFamily}`; p.textBaseline = 'middle'; p.fillStyle = text; p.textAlign = 'right';
      for (let s = 0; s < d.stages; s++) p.fillText(`stage ${s}`, g.left - 10, g.top + s * (g.height + g.gap) + g.height / 2);
      p.textAlign = 'center';
      const every = Math.ceil(28 / (g.cell + g.gap)) || 1;
      for (let r = 0; r < d.ranks; r += every) p.fillText(d.ranks <= 16 ? `rank ${r}` : `${r}`, g.left + r * (g.cell + g.gap) + g.cell / 2, 8);
      for (const c of d.cells) {
        const x = g.left + c.rank * (g.cell + g.gap), y = g.top + c.stage * (g.height + g.gap);
        p.fillStyle = cold; p.beginPath(); p.roundRect(x, y, g.cell, g.height, Math.min(4, g.cell / 4)); p.fill();
        if (c.heat > 0) { p.globalAlpha = Math.min(1, c.heat); p.fillStyle = hot; p.fill(); p.globalAlpha = 1; }
        if (c.named) { p.strokeStyle = bad; p.lineWidth = 2; p.beginPath(); p.roundRect(x + 1, y + 1, g.cell - 2, g.height - 2, Math.min(4, g.cell / 4)); p.stroke(); }
        if (g.cell >= 44 && g.height >= 16) { p.fillStyle = c.heat > .55 ? colour(this, '--sb-heat-text') : strong; p.fillText(c.text, x + g.cell / 2, y + g.height / 2 + .5); }
        if (this.at && this.at[0] === c.stage && this.at[1] === c.rank) { p.strokeStyle = strong; p.lineWidth = 1.5; p.strokeRect(x - 1, y - 1, g.cell + 2, g.height + 2); }
      }
    }
    point(e) {
      if (!this.data) return;
      const box = this.canvas.getBoundingClientRect(), g = this.geometry();
      this.choose(Math.floor((e.clientY - box.top - g.top) / (g.height + g.gap)), Math.floor((e.clientX - box.left - g.left) / (g.cell + g.gap)));
    }
    key(e) {
      const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[e.key];
      if (!step || !this.data) return;
      e.preventDefault();
      const [s, r] = this.at || [0, -step[1] || 0];
      this.choose(Math.max(0, Math.min(this.data.stages - 1, s + step[0])), Math.max(0, Math.min(this.data.ranks - 1, r + step[1])));
    }
    choose(stage, rank) {
      const cell = this.data && this.data.cells.find(c => c.stage === stage && c.rank === rank);
      const next = cell ? [stage, rank] : null;
      if (String(next) === String(this.at)) return;
      this.at = next;
      this.said.textContent = cell ? `stage ${stage}, rank ${rank}: ${cell.about}` : this.hint;
      this.draw();
    }
  }

  // Lanes: a row per rank, bars of compute, wait and off-CPU over time.
  class SbLanes extends SbCanvas {
    connectedCallback() {
      super.connectedCallback();
      if (!this.prepare('application')) return;
      this.canvas.tabIndex = 0;
      this.hint = this.said.textContent = 'Point at a step, or move by arrow keys.';
      this.said.setAttribute('aria-live', 'polite');
      this.canvas.addEventListener('pointermove', e => this.point(e));
      this.canvas.addEventListener('keydown', e => this.key(e));
    }
    // The bars of a row, in their order.
    barsOf(row) { return this.data.bars.filter(b => b[0] === row); }
    show(message) {
      this.data = message;
      this.canvas.setAttribute('aria-label', message.title + '; arrow keys move, as a table below');
      this.later();
    }
    // Left and right go through a rank's bars, up and down through the ranks.
    key(e) {
      const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[e.key];
      if (!step || !this.data) return;
      e.preventDefault();
      const [row, i] = this.at || [0, -1], rows = this.data.rows.length;
      const next = Math.max(0, Math.min(rows - 1, row + step[0])), bars = this.barsOf(next);
      this.at = [next, Math.max(0, Math.min(bars.length - 1, i + step[1]))];
      this.said.textContent = bars.length ? bars[this.at[1]][6] : '';
      this.draw();
    }
    draw() {
      if (!this.data || !this.clientWidth) return;
      const d = this.data, left = 104, row = Math.max(10, Math.min(22, 300 / d.rows.length)), width = this.clientWidth, height = d.rows.length * row + 18, ratio = devicePixelRatio || 1;
      this.canvas.style.width = width + 'px'; this.canvas.style.height = height + 'px';
      this.canvas.width = width * ratio; this.canvas.height = height * ratio;
      const p = this.canvas.getContext('2d');
      p.scale(ratio, ratio);
      const text = colour(this, '--sb-text-2'), tones = ['--sb-series-1', '--sb-series-warn', '--sb-series-bad', '--sb-series-6'].map(n => colour(this, n)), base = colour(this, '--sb-surface-2');
      p.font = `11px ${getComputedStyle(this).fontFamily}`; p.textBaseline = 'middle'; p.textAlign = 'right';
      d.rows.forEach((name, i) => { p.fillStyle = base; p.fillRect(left, i * row + 1, width - left, row - 3); p.fillStyle = text; p.fillText(name, left - 10, i * row + row / 2 - .5); });
      const scale = (width - left) / (d.total || 1);
      for (const [r, start, ...parts] of d.bars) {
        let x = left + start * scale;
        parts.slice(0, 4).forEach((us, i) => { const w = us * scale; if (w > 0) { p.fillStyle = tones[i]; p.fillRect(x, r * row + 1, Math.max(w, .4), row - 3); x += w; } });
      }
      const chosen = this.at && this.barsOf(this.at[0])[this.at[1]];
      if (chosen) {
        const long = chosen.slice(2, 6).reduce((sum, us) => sum + us, 0) * scale;
        p.strokeStyle = colour(this, '--sb-text'); p.lineWidth = 1.5;
        p.strokeRect(left + chosen[1] * scale - .5, chosen[0] * row + .5, Math.max(long, 2) + 1, row - 2);
      }
      p.textAlign = 'left'; p.fillStyle = text; p.fillText('0', left, height - 7);
      p.textAlign = 'right'; p.fillText(`${(d.total / 1000).toFixed(1)} ms`, width, height - 7);
      this.geometry = {left, row, scale};
    }
    point(e) {
      if (!this.geometry) return;
      const box = this.canvas.getBoundingClientRect(), g = this.geometry, row = Math.floor((e.clientY - box.top) / g.row), us = (e.clientX - box.left - g.left) / g.scale;
      const bar = this.data.bars.find(b => b[0] === row && us >= b[1] && us <= b[1] + b[2] + b[3] + b[4] + b[5]);
      this.said.textContent = bar ? bar[6] : this.hint;
    }
  }

  // Tokens: the wait for the first one, and a bar for each gap after it.
  class SbTokens extends SbCanvas {
    begin() { this.times = []; this.at = undefined; this.draw(); }
    add(times) { (this.times ||= []).push(...times); this.draw(); }
    draw() {
      if (!this.times || !this.isConnected) return;
      if (this.prepare('application')) {
        this.canvas.tabIndex = 0;
        this.said.setAttribute('aria-live', 'polite');
        this.canvas.addEventListener('keydown', e => this.key(e));
        this.canvas.addEventListener('mousemove', e => this.point(e));
        this.canvas.addEventListener('mouseleave', () => this.say(undefined));
      }
      const width = this.clientWidth, height = 108, ratio = devicePixelRatio || 1;
      if (!width) return;
      this.canvas.width = width * ratio; this.canvas.height = height * ratio;
      this.canvas.style.cssText = `width:${width}px;height:${height}px`;
      this.canvas.setAttribute('aria-label', `Times of ${this.times.length} pieces; arrow keys move, the table below has them`);
      const p = this.canvas.getContext('2d');
      p.scale(ratio, ratio);
      const text = colour(this, '--sb-text-2'), base = colour(this, '--sb-line'), first = colour(this, '--sb-series-3'), usual = colour(this, '--sb-series-1'), late = colour(this, '--sb-series-warn');
      const t = this.times, gaps = t.slice(1).map((v, i) => v - t[i]), sorted = [...gaps].sort((a, b) => a - b);
      const median = sorted.length ? sorted[sorted.length >> 1] : 0, top = Math.max(sorted.length ? sorted[Math.floor(sorted.length * .98)] : 0, median * 2, .001);
      const total = t.length ? t[t.length - 1] : 1;
      // When: the whole answer on one line of time.
      p.fillStyle = base; p.fillRect(0, 0, width, 10);
      p.fillStyle = first; p.fillRect(0, 0, t.length ? t[0] / total * width : 0, 10);
      p.fillStyle = usual; for (const at of t) p.fillRect(Math.min(at / total * width, width - 1), 0, 1, 10);
      p.font = `11px ${getComputedStyle(this).fontFamily}`; p.fillStyle = text; p.textBaseline = 'alphabetic';
      p.fillText('0', 0, 22);
      p.textAlign = 'right'; p.fillText(`${total.toFixed(0)} ms`, width, 22); p.textAlign = 'left';
      // How long: each gap.
      const left = 0, low = 90, tall = 54, step = gaps.length ? Math.min((width - left) / gaps.length, 14) : 1, bar = Math.max(step - (step > 3 ? 1 : 0), .6);
      gaps.forEach((gap, i) => {
        const h = Math.max(1, Math.min(gap / top, 1) * tall);
        p.fillStyle = gap > 3 * median && gap > 1 ? late : usual;
        p.fillRect(left + i * step, low - h, bar, h);
      });
      p.fillStyle = base; p.fillRect(0, low, width, 1);
      if (gaps.length) { const y = low - Math.min(median / top, 1) * tall; p.fillStyle = text; for (let x = 0; x < gaps.length * step; x += 6) p.fillRect(x, y, 2, 1); }
      if (this.at !== undefined && gaps[this.at] !== undefined) {
        const h = Math.max(1, Math.min(gaps[this.at] / top, 1) * tall);
        p.strokeStyle = colour(this, '--sb-text'); p.lineWidth = 1.5;
        p.strokeRect(left + this.at * step - .75, low - h - .75, bar + 1.5, h + 1.5);
        p.fillStyle = colour(this, '--sb-text'); p.fillRect(Math.min(t[this.at + 1] / total * width, width - 2), 0, 2, 12);
      }
      p.fillStyle = text;
      p.fillText(gaps.length ? `gaps, full height ${top.toFixed(1)} ms, dashes: median` : '', 0, height - 4);
      this.geometry = {step, gaps};
    }
    point(e) {
      const g = this.geometry;
      if (!g || !g.gaps.length) return;
      this.say(Math.floor((e.clientX - this.canvas.getBoundingClientRect().left) / g.step));
    }
    key(e) {
      const g = this.geometry, step = {ArrowLeft: -1, ArrowRight: 1}[e.key];
      if (!step || !g || !g.gaps.length) return;
      e.preventDefault();
      this.say(Math.max(0, Math.min(g.gaps.length - 1, (this.at ?? -1) + step)));
    }
    say(i) {
      const g = this.geometry;
      if (this.at === i) return;
      this.at = i;
      this.draw();
      this.said.textContent = g.gaps[i] === undefined ? '' : `Piece ${i + 2}: ${g.gaps[i].toFixed(2)} ms after the one before, ${this.times[i + 1].toFixed(1)} ms after the start`;
    }
  }

  customElements.define('sb-icon', SbIcon);
  customElements.define('sb-spark', SbSpark);
  customElements.define('sb-chart', SbChart);
  customElements.define('sb-stack', SbStack);
  customElements.define('sb-heat', SbHeat);
  customElements.define('sb-lanes', SbLanes);
  customElements.define('sb-tokens', SbTokens);

  // g and a letter opens a view, ? shows the keys; not while somebody types or a dialog is open.
  const typing = e => e.composedPath().some(n => n.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(n.tagName || ''));
  const lettersOff = () => { try { return localStorage.getItem('switchboard.keys') === 'off'; } catch { return false; } };
  let began = 0;
  document.addEventListener('keydown', e => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || typing(e) || lettersOff() || document.querySelector('vaadin-dialog[opened]')) return;
    if (e.key === '?') { document.getElementById('sb-keys')?.click(); return; }
    const open = began && e.timeStamp - began < 1500 && /^[a-z]$/.test(e.key) ? document.querySelector(`vaadin-side-nav-item[data-key="${e.key}"]`) : null;
    began = e.key === 'g' ? e.timeStamp : 0;
    open?.shadowRoot?.querySelector('a')?.click();
  });

  // Enter opens what a row of a table links to, whichever of its cells has the focus.
  document.addEventListener('keydown', e => {
    const path = e.composedPath(), cell = path.find(n => n.tagName === 'TD');
    if (e.key !== 'Enter' || e.ctrlKey || e.metaKey || e.altKey || path[0] !== cell || !path.some(n => n.tagName === 'VAADIN-GRID')) return;
    const link = [...cell.parentElement.children].flatMap(td => [...td.querySelectorAll('slot')]).flatMap(slot => slot.assignedElements()).map(content => content.querySelector('a[href]')).find(a => a);
    if (!link) return;
    e.preventDefault();
    e.stopPropagation();
    link.click();
  }, {capture: true});

  // Says that somebody is there, whom a page that draws itself anew is not to be taken for.
  const USED_EVERY = 10_000;
  let used = 0, layout = null;
  window.sbUse = at => { layout = at; };
  for (const type of ['pointerdown', 'keydown', 'wheel']) document.addEventListener(type, () => {
    const now = Date.now();
    if (now - used < USED_EVERY || !layout?.isConnected) return;
    used = now;
    layout.$server?.used();
  }, {capture: true, passive: true});

  window.sbCopy = async text => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement('textarea');
      area.value = text; document.body.append(area); area.select(); document.execCommand('copy'); area.remove();
    }
  };
})();

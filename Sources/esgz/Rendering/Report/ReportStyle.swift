/// The look of a report's page. It is all there is besides the text: no script, no font and no picture from elsewhere.
enum ReportStyle {
    /// Colours stand out against what is behind them in both modes: at least 3:1, and text 4.5:1. What they say is also said
    /// in words.
    static let css = """
        :root { color-scheme: light dark; --page: #ffffff; --card: #f4f6f9; --ink: #1a222d; --soft: #556170;
          --rule: #d9dfe7; --pre: #1565c8; --late: #d05a00; --rest: #6b7a90; --toc: #7b3fc9; --mark: #c2143c; }
        @media (prefers-color-scheme: dark) {
          :root { --page: #10151c; --card: #19212b; --ink: #e7ecf3; --soft: #9fadbf; --rule: #2c3746;
            --pre: #5aaaff; --late: #ffa14f; --rest: #7b8ca3; --toc: #bd93ff; --mark: #ff6f87; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--page); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
        main { max-width: 1120px; margin: 0 auto; padding: 32px 24px 48px; }
        h1 { font-size: 24px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
        h2 { font-size: 18px; margin: 40px 0 12px; }
        h3 { font-size: 16px; margin: 0; }
        p { margin: 8px 0; overflow-wrap: anywhere; }
        code { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
        .soft { color: var(--soft); }
        .lead { font-size: 19px; margin: 18px 0 0; }
        table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
        th, td { padding: 5px 10px; text-align: right; border-bottom: 1px solid var(--rule); vertical-align: baseline; }
        th { font-weight: 600; color: var(--soft); font-size: 13px; }
        td { white-space: nowrap; }
        th.t, td.t { text-align: left; }
        td.name { white-space: normal; min-width: 240px; }
        tfoot td { font-weight: 600; border-bottom: 0; }
        td.wide { width: 45%; }
        td.share { width: 22%; min-width: 110px; }
        td.share span span { height: 14px; min-width: 1px; }
        td.share .bar { display: flex; }
        .scroll { overflow-x: auto; }
        .bar { display: block; height: 14px; min-width: 2px; border-radius: 2px; }
        .layer { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 16px 18px;
          margin: 16px 0; }
        .facts { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 4px 0 12px; color: var(--soft); }
        .facts b { color: var(--ink); font-weight: 600; }
        .key { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 10px 0 0; padding: 0; list-style: none; }
        .key i { display: inline-block; width: 12px; height: 12px; margin-right: 6px; border-radius: 2px;
          vertical-align: -1px; }
        svg { display: block; width: 100%; height: 64px; background: var(--page); border: 1px solid var(--rule); }
        .scale { display: flex; justify-content: space-between; font-size: 12px; color: var(--soft); }
        .mark { position: relative; height: 18px; font-size: 12px; color: var(--mark); }
        .mark span { position: absolute; bottom: 0; white-space: nowrap; }
        .mark .right { transform: translateX(-100%); }
        .pre { fill: var(--pre); background: var(--pre); }
        .late { fill: var(--late); background: var(--late); }
        .rest { fill: var(--rest); background: var(--rest); }
        .toc { fill: var(--toc); background: var(--toc); }
        .line { fill: var(--mark); background: var(--mark); }
        g rect:nth-child(even) { opacity: .8; }
        g rect:hover { opacity: 1; fill: var(--ink); }
        details { margin-top: 14px; }
        summary { cursor: pointer; font-weight: 600; }
        ul { margin: 8px 0; padding-left: 20px; }
        @media print { .layer { break-inside: avoid; } }
        """
}

// What the reports share that show commands of a disk. Inlined by tools/kidney/lab_report.py.
// Colours that most eyes tell apart (Okabe and Ito), and each line with a dash of its own.
const HUES = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233], [130, 130, 130]];
const DASHES = [[], [14, 6], [4, 5], [14, 5, 3, 5], [8, 3], [2, 3], [20, 4]];
const hue = i => css(HUES[i % HUES.length]);
const READ = 0, WRITE = 1;  // of HUES
const good_runs = () => policies.map(policy => run_of(policy)).filter(run => !run.error);
const text_colour = () => getComputedStyle(document.body).color;
const duration = us => us >= 1e6 ? `${number(us / 1e6, 2)} s` : us >= 1e3 ? `${number(us / 1e3, us < 1e4 ? 2 : 1)} ms` : `${number(us)} us`;

// The disk down to block `end`, time from left to right, a dot for each command. `moves`: [microseconds, block, READ or WRITE].
function places_picture(run, caption, moves, until, has_head, end = run.disk_blocks) {
  moves = moves.filter(([at]) => at <= until);
  const draw = canvas => {
    canvas.width = 800;
    canvas.height = 480;
    const context = canvas.getContext("2d"), x = at => at / until * canvas.width, y = block => block / end * canvas.height;
    if (has_head) {
      context.strokeStyle = text_colour();
      context.globalAlpha = 0.45;
      context.lineWidth = 1.5;
      context.beginPath();
      moves.forEach(([at, block], n) => n ? context.lineTo(x(at), y(block)) : context.moveTo(x(at), y(block)));
      context.stroke();
      context.globalAlpha = 1;
    }
    for (const [at, block, kind] of moves) {
      context.fillStyle = hue(kind);
      context.fillRect(x(at) - 3, y(block) - 3, 6, 6);
    }
  };
  const columns = 64, most = column => (column + 1) / columns * until;
  return picture(run.policy, caption, run, ["first", "last"], draw, [columns, 1], column => {
    const some = moves.filter(([at]) => at > most(column - 1) && at <= most(column));
    return `Up to ${duration(most(column))}: ${some.length} commands` + (some.length ? `, at ` +
      some.slice(0, 4).map(([, block, kind]) => `${number(percent(block, end), 1)} % (${kind === READ ? "read" : "write"})`).join(", ") +
      (some.length > 4 ? ", ..." : "") : "");
  }, { y: "blocks", x: ["start", "time", duration(until)] });
}

// Means over the seeds, of the workload that is chosen: [policy, ...the figures of the columns, null where all runs crashed].
function figure_rows(columns) {
  return policies.map(policy => {
    const all = DATA.figures[$("workload").value][policy].filter(figures => figures);
    return [policy, ...columns.map(([key]) => all.length ? sum(all.map(figures => figures[key])) / all.length : null)];
  });
}

"""Line plots as SVG files, with nothing but the standard library: `save(path, title, ...)`."""

from html import escape

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 160, 36, 44
COLOURS = ["#1b6ca8", "#c2541b", "#3c8d40", "#8a3d9c", "#7a7a1f", "#555555"]


def _ticks(most):
    """Round numbers from 0 up to `most`, at most six of them."""
    step = 10 ** (len(str(int(most))) - 1) if most >= 1 else 0.1
    for factor in (1, 2, 5, 10, 20, 50):
        if most / (step * factor / 5) <= 6:
            step = step * factor / 5
            break
    count = int(most / step) + 1
    return [step * n for n in range(count + 1)]


def save(path, title, x_name, y_name, series, bound=None):
    """`series`: a name and its points [(x, y), ...] each. `bound`: a value that is drawn as a dashed line."""
    points = [point for line in series.values() for point in line]
    most_x = max((x for x, _y in points), default=1) or 1
    ticks = _ticks(max([y for _x, y in points] + ([bound] if bound else []), default=1) or 1)
    most_y = ticks[-1]

    def at(x, y):
        return (LEFT + x / most_x * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - y / most_y * (HEIGHT - TOP - BOTTOM))

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
           'font-size="12">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="20" font-size="14">{escape(title)}</text>']
    for tick in ticks:
        x, y = at(0, tick)
        out.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#ddd"/>'
                   f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for tick in _ticks(most_x):
        if tick <= most_x:
            x, y = at(tick, 0)
            out.append(f'<text x="{x:.1f}" y="{y + 16:.1f}" text-anchor="middle">{tick:g}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_name)}</text>'
               f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2})">'
               f'{escape(y_name)}</text>')
    if bound:
        (x, y), end = at(0, bound), WIDTH - RIGHT
        out.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{end}" y2="{y:.1f}" stroke="#900" stroke-dasharray="6 4"/>')
    for number, (name, line) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        path_text = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in line))
        label = TOP + 16 * number + 8
        out.append(f'<polyline points="{path_text}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
                   f'<line x1="{WIDTH - RIGHT + 10}" y1="{label}" x2="{WIDTH - RIGHT + 28}" y2="{label}" '
                   f'stroke="{colour}" stroke-width="3"/>'
                   f'<text x="{WIDTH - RIGHT + 34}" y="{label + 4}">{escape(name)}</text>')
    out.append("</svg>")
    path.write_text("\n".join(out) + "\n")

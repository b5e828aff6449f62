# SPDX-License-Identifier: ISC
"""Figures for people: what rounds of a measurement have in common, tables,
bars in the terminal, and lines in an SVG where there is a gnuplot.
"""
import math
import os
import shutil
import statistics
import subprocess

import servers

BAR_WIDTH = 40


class Rounds:
    """What was measured of each cell, once a round.  The cells of a round
    follow each other closely, every other round in the opposite order, so
    that what else the machine does meets all of them alike.
    """

    def __init__(self, cells, count, measure):
        self.found = {cell: [] for cell in cells}
        for n in range(count):
            for cell in list(cells)[::-1 if n % 2 else 1]:
                self.found[cell].append(measure(cell))

    def samples(self, cell, key=None):
        """Of all rounds; key chooses from cells that have several figures."""
        return [s if key is None else s[key] for s in self.found[cell]]

    def median(self, cell, key=None):
        return statistics.median(self.samples(cell, key))

    def told(self, cell, key=None, form="%.1f", scale=1):
        return told([s * scale for s in self.samples(cell, key)], form)

    def ratios(self, cell, other, key=None):
        """Of each round, whose two figures are of about the same time."""
        return [a / b for a, b in zip(self.samples(cell, key),
                                      self.samples(other, key))]

    def ratio(self, cell, other, key=None):
        return statistics.median(self.ratios(cell, other, key))


def told(samples, form="%.1f"):
    """The median, and the half of the samples that is around it."""
    low, middle, high = statistics.quantiles(samples, n=4,
                                             method="inclusive")
    return "%s (%s to %s)" % (form % middle, form % low, form % high)


def table(head, rows):
    """The first column is of names, the others are of figures."""
    rows = [[str(cell) for cell in row] for row in [head] + rows]
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  " + "   ".join(
            [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(
                row[1:], widths[1:])]).rstrip())
    print(flush=True)


class Plot:
    """Series of points: {name: [(x, y), ...]}.  Both axes are logarithmic."""

    def __init__(self, name, title, xlabel, ylabel, series):
        self.name = name
        self.title = title
        self.xlabel = xlabel
        self.ylabel = ylabel
        self.series = series

    def bars(self):
        """A bar begins at a half of the least value."""
        values = [y for points in self.series.values() for _, y in points]
        least = min(values) / 2
        unit = BAR_WIDTH / math.log(max(values) / least)
        width = max(map(len, self.series))
        print("  %s, %s (logarithmic)" % (self.title, self.ylabel))
        for name, points in self.series.items():
            for x, y in points:
                print("  %s %6d %s %.4g" % (name.ljust(width), x, "#" * round(
                    unit * math.log(y / least)), y))
                name = ""
        print(flush=True)

    def svg(self, directory):
        """Into a file of the directory, if there is a gnuplot."""
        gnuplot = shutil.which("gnuplot")
        if gnuplot is None:
            print("  no %s.svg: there is no gnuplot" % self.name)
            return
        path = os.path.join(directory, self.name + ".svg")
        text = ["set terminal svg size 800,500 background 'white'",
                "set output '%s'" % path.replace("'", "''"),
                "set title '%s'" % self.title,
                "set xlabel '%s'" % self.xlabel,
                "set ylabel '%s'" % self.ylabel,
                "set logscale xy", "set key outside", "set grid",
                "plot " + ", ".join("'-' with linespoints title '%s'" % name
                                    for name in self.series)]
        for points in self.series.values():
            text += ["%r %r" % point for point in points] + ["e"]
        done = subprocess.run([gnuplot], input="\n".join(text) + "\n",
                              text=True)
        if done.returncode != 0:
            raise servers.Failure("gnuplot: exit code %d" % done.returncode)
        print("  %s" % path)

    def show(self, directory=None):
        self.bars()
        if directory is not None:
            self.svg(directory)


def claim(what, holds, known=True):
    """Prints a comparison with its figures; returns whether it holds, None if
    that is not known."""
    print("  %s: %s" % (what, "cannot be told while others are busy"
                        if not known else
                        "holds" if holds else "does not hold"), flush=True)
    return holds if known else None

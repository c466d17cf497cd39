package dev.switchboard.gateway.dashboards;

import java.util.ArrayList;
import java.util.List;

/** What colours stand for, in as many rows as there are, and at most a third of the height. */
final class Legend {
  static final double ROW = 14;
  private static final double MOST_OF_HEIGHT = 0.33;
  private static final double MARK = 14;
  private static final double GAP = 12;

  /** One entry. */
  record Entry(String text, String color, String dash) {
    double width() {
      return MARK + 4 + Svg.width(text, Look.SMALL) + GAP;
    }
  }

  private final List<List<Entry>> rows = new ArrayList<>();
  private int left;

  Legend(List<Entry> entries, double width, double height) {
    int most = Math.max(2, (int) (height * MOST_OF_HEIGHT / ROW));
    double used = width;
    for (Entry entry : entries) {
      if (used + entry.width() > width) {
        if (rows.size() == most) {
          break;
        }
        rows.add(new ArrayList<>());
        used = 0;
      }
      rows.getLast().add(entry);
      used += entry.width();
    }
    left = entries.size() - rows.stream().mapToInt(List::size).sum();
    if (left > 0 && used + 60 > width && rows.getLast().size() > 1) {
      rows.getLast().removeLast();
      left++;
    }
  }

  double height() {
    return rows.size() * ROW;
  }

  void draw(Svg svg, double x, double top) {
    double y = top + ROW - 4;
    double at = x;
    for (List<Entry> row : rows) {
      at = x;
      for (Entry entry : row) {
        svg.path(
            "M" + Svg.number(at) + " " + Svg.number(y - 3.5) + "h" + Svg.number(MARK - 2),
            "stroke=\""
                + entry.color()
                + "\" stroke-width=\"3\""
                + (entry.dash().isEmpty() ? "" : " stroke-dasharray=\"" + entry.dash() + "\""));
        svg.text(at + MARK + 2, y, "start", "l", entry.text());
        at += entry.width();
      }
      y += ROW;
    }
    if (left > 0) {
      svg.text(at, y - ROW, "start", "s", "and " + left + " more");
    }
  }
}

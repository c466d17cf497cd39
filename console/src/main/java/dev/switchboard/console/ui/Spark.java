package dev.switchboard.console.ui;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.Tag;
import com.vaadin.flow.component.dependency.JavaScript;
import java.util.Locale;
import java.util.Objects;

/** A line without axes. The number beside it is its text. */
@JavaScript("context://console/console.js")
@Tag("sb-spark")
public final class Spark extends Component {
  public Spark() {
    getElement().setAttribute("aria-hidden", "true");
  }

  /** Shows the points; NaN is a gap. */
  public void show(float[] points) {
    String text = text(points);
    if (!Objects.equals(getElement().getAttribute("points"), text)) {
      getElement().setAttribute("points", text);
    }
  }

  static String text(float[] points) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < points.length; i++) {
      text.append(i == 0 ? "" : ",");
      text.append(Float.isNaN(points[i]) ? "" : String.format(Locale.ROOT, "%.4g", points[i]));
    }
    return text.toString();
  }

  /** Every so many points one, the mean of them: what a small line can show. */
  public static float[] thin(float[] points, int most) {
    int each = Math.max(1, (points.length + most - 1) / most);
    float[] thin = new float[(points.length + each - 1) / each];
    for (int i = 0; i < thin.length; i++) {
      float sum = 0;
      int count = 0;
      for (int j = i * each; j < Math.min(points.length, (i + 1) * each); j++) {
        sum += Float.isNaN(points[j]) ? 0 : points[j];
        count += Float.isNaN(points[j]) ? 0 : 1;
      }
      thin[i] = count == 0 ? Float.NaN : sum / count;
    }
    return thin;
  }
}

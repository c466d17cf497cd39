package dev.switchboard.console.ui;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/** Numbers and times as an operator reads them; times are UTC. */
public final class Format {
  public static final String NONE = "–";
  private static final int SHORT_ID = 8;
  private static final DateTimeFormatter CLOCK =
      DateTimeFormatter.ofPattern("HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);
  private static final DateTimeFormatter FULL =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);

  private static final DateTimeFormatter EXACT =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss.SSS", Locale.ROOT).withZone(ZoneOffset.UTC);

  private Format() {}

  /** Three digits that count; with k, M and G above. */
  public static String number(double value) {
    if (Double.isNaN(value)) {
      return NONE;
    }
    double size = Math.abs(value);
    if (size >= 1e9) {
      return digits(value / 1e9) + "G";
    }
    if (size >= 1e6) {
      return digits(value / 1e6) + "M";
    }
    return size >= 1e4 ? digits(value / 1e3) + "k" : digits(value);
  }

  private static String digits(double value) {
    double size = Math.abs(value);
    if (size >= 100 || value == Math.rint(value)) {
      return minus(String.format(Locale.ROOT, "%,.0f", value));
    }
    return minus(String.format(Locale.ROOT, size >= 10 ? "%.1f" : "%.2f", value));
  }

  /** With so many digits behind the point. */
  public static String percent(double share, int digits) {
    return minus(String.format(Locale.ROOT, "%,." + digits + "f %%", share * 100));
  }

  /** With the sign that is as wide as a digit. */
  private static String minus(String number) {
    return number.replace('-', '−');
  }

  public static String percent(double share) {
    if (Double.isNaN(share)) {
      return NONE;
    }
    double value = share * 100;
    boolean round = value == Math.rint(value) || value <= -10 || (value < 90 && value >= 10);
    return minus(String.format(Locale.ROOT, round ? "%,.0f %%" : "%.2f %%", value));
  }

  /** How an objective of the admin API is called. */
  public static String objective(String name) {
    return switch (name) {
      case "ttft" -> "First token";
      case "tpot" -> "Per token";
      case "deadline" -> "Deadline";
      default -> "Availability";
    };
  }

  /** The first characters of a request's id, for a column. */
  public static String shortId(String id) {
    return id.length() > SHORT_ID ? id.substring(0, SHORT_ID) : id;
  }

  /** For a cell that stays empty where nothing is known. */
  public static String blankForNone(String text) {
    return text.equals(NONE) ? "" : text;
  }

  /** 1.86 ms, 412 ms, 2.31 s. */
  public static String millis(double ms) {
    if (Double.isNaN(ms)) {
      return NONE;
    }
    if (ms >= 10_000) {
      return duration(Duration.ofMillis((long) ms));
    }
    if (ms >= 1000) {
      return digits(ms / 1000) + " s";
    }
    return ms < 0.005 ? "0 ms" : digits(ms) + " ms";
  }

  public static String bytes(double bytes) {
    if (Double.isNaN(bytes)) {
      return NONE;
    }
    if (bytes < 1024) {
      return String.format(Locale.ROOT, "%.0f B", bytes);
    }
    double value = bytes;
    int unit = -1;
    while (value >= 1024 && unit < 3) {
      value /= 1024;
      unit++;
    }
    return digits(value) + " " + new String[] {"KiB", "MiB", "GiB", "TiB"}[unit];
  }

  /** 12 s, 4 min 10 s, 3 h 2 min, 5 d 3 h. */
  public static String duration(Duration time) {
    long s = Math.max(0, time.toSeconds());
    if (s < 60) {
      return s + " s";
    }
    if (s < 3600) {
      return s / 60 + " min" + (s < 600 && s % 60 != 0 ? " " + s % 60 + " s" : "");
    }
    if (s < 86400) {
      return s / 3600 + " h" + (s % 3600 / 60 == 0 ? "" : " " + s % 3600 / 60 + " min");
    }
    return s / 86400 + " d" + (s % 86400 / 3600 == 0 ? "" : " " + s % 86400 / 3600 + " h");
  }

  public static String ago(Instant then, Instant now) {
    return duration(Duration.between(then, now)) + " ago";
  }

  public static String clock(Instant time) {
    return CLOCK.format(time);
  }

  public static String full(Instant time) {
    return FULL.format(time);
  }

  /** To the millisecond, of a time as the admin API tells it; what is none stays as it is. */
  public static String exact(String time) {
    try {
      return EXACT.format(Instant.parse(time));
    } catch (DateTimeException _) {
      return time;
    }
  }
}

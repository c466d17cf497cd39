package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class FormatTest {
  @Test
  void numbersHaveThreeDigitsThatCount() {
    assertEquals("0", Format.number(0));
    assertEquals("0.25", Format.number(0.25));
    assertEquals("12.3", Format.number(12.34));
    assertEquals("1,234", Format.number(1234.4));
    assertEquals("12.3k", Format.number(12345));
    assertEquals("–", Format.number(Double.NaN));
  }

  @Test
  void timesChooseTheirUnit() {
    assertEquals("0 ms", Format.millis(0.001));
    assertEquals("1.86 ms", Format.millis(1.862));
    assertEquals("2.31 s", Format.millis(2314));
    assertEquals("1 min 30 s", Format.millis(90_000));
    assertEquals("12 s", Format.duration(Duration.ofSeconds(12)));
    assertEquals("3 h 2 min", Format.duration(Duration.ofMinutes(182)));
  }

  @Test
  void sharesAreExactWhereItMatters() {
    assertEquals("99.95 %", Format.percent(0.9995));
    assertEquals("100 %", Format.percent(1));
    assertEquals("42 %", Format.percent(0.42));
  }

  @Test
  void lessThanNothingHasTheMinusSign() {
    assertEquals("−0.25", Format.number(-0.25));
    assertEquals("−3,705 %", Format.percent(-37.05));
    assertEquals("−12.3k", Format.number(-12345));
  }

  @Test
  void aTimeOfTheApiIsToldToTheMillisecond() {
    assertEquals("2026-11-29 08:11:07.791", Format.exact("2026-11-29T08:11:07.791358043Z"));
    assertEquals("soon", Format.exact("soon"));
  }

  @Test
  void bytesAreBinary() {
    assertEquals("256 MiB", Format.bytes(268435456));
    assertEquals("3.53 MiB", Format.bytes(3703808));
  }
}

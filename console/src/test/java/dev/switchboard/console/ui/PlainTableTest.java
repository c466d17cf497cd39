package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class PlainTableTest {
  private final PlainTable table = new PlainTable("Name", "Time");

  private String shown() {
    return table.getElement().getTextRecursively();
  }

  @Test
  void aTableThatIsShownAgainHasTheNewRowsAlone() {
    table.show(List.of(List.of("first", "1 ms")));
    assertEquals("NameTimefirst1 ms", shown());

    table.show(List.of(List.of("second", "2 ms"), List.of("third", "3 ms")));

    assertEquals("NameTimesecond2 msthird3 ms", shown());
  }

  @Test
  void numbersWithAMinusOrAUnitStandAtTheRight() {
    table.show(List.of(List.of("a", "−3,705 %"), List.of("b", "12 ms")));

    String html = table.getElement().getOuterHTML();
    assertEquals(3, html.split("sb-end", -1).length - 1, html);
  }
}

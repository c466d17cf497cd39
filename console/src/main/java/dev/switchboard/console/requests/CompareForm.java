package dev.switchboard.console.requests;

import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.button.Button;
import com.vaadin.flow.component.combobox.ComboBox;
import com.vaadin.flow.component.dialog.Dialog;
import dev.switchboard.console.api.AdminClient;
import dev.switchboard.console.api.ApiFailure;
import dev.switchboard.console.live.LiveGateway;
import dev.switchboard.console.ui.Badge;
import dev.switchboard.console.ui.Format;
import dev.switchboard.console.ui.Paths;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Asks with which other request one is to be compared. */
final class CompareForm extends Dialog {
  private static final int OFFERED = 200;

  CompareForm(LiveGateway gateway, String id, String model) {
    setHeaderTitle("Compare with");
    setWidth("520px");
    Map<String, String> labels = new LinkedHashMap<>();
    ComboBox<String> other = new ComboBox<>("Request");
    try {
      String query =
          AdminClient.query(new LinkedHashMap<>(Map.of("limit", "" + OFFERED, "model", model)));
      gateway
          .client()
          .get("/admin/v1/requests" + query)
          .path("requests")
          .forEach(r -> offer(labels, RequestRow.of(gateway.name(), r)));
    } catch (ApiFailure e) {
      other.setHelperText("The newest cannot be listed: " + e.sentence());
    }
    labels.remove(id);
    List<String> ids = new ArrayList<>(labels.keySet());
    other.setItems(ids);
    other.setItemLabelGenerator(each -> labels.getOrDefault(each, each));
    other.setAllowCustomValue(true);
    other.addCustomValueSetListener(
        e -> {
          labels.putIfAbsent(e.getDetail().strip(), e.getDetail().strip());
          other.setValue(e.getDetail().strip());
        });
    other.setPlaceholder("one of the newest of this model, or an id");
    other.setWidthFull();
    add(other);
    Button compare =
        new Button(
            "Compare",
            _ -> {
              if (other.getValue() != null && !other.getValue().isBlank()) {
                close();
                UI.getCurrent()
                    .getPage()
                    .setLocation("/" + Paths.compare(gateway.name(), id, other.getValue()));
              }
            });
    compare.addThemeName("primary");
    getFooter().add(new Button("Cancel", _ -> close()), compare);
  }

  private static void offer(Map<String, String> labels, RequestRow row) {
    labels.put(
        row.id(),
        Format.clock(row.accepted())
            + " "
            + row.id()
            + ", "
            + Format.millis(row.wallMs())
            + " at "
            + (row.replica().isEmpty() ? "no replica" : row.replica())
            + ", "
            + Badge.word(row.outcome()));
  }
}

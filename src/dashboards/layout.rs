//! Where panels stand: from left to right, in rows as high as their highest panel.

use crate::dashboards::grafana::{GridPos, Panel};

/// Grafana's grid is so wide.
const COLUMNS: u32 = 24;

/// The panels, each given its number and place after those before it.
pub fn placed(panels: Vec<Panel>) -> Vec<Panel> {
    let (mut x, mut y, mut height) = (0, 0, 0);
    let place = |(number, mut panel): (usize, Panel)| {
        let GridPos { w, h, .. } = panel.grid_pos;
        if x + w > COLUMNS {
            (x, y, height) = (0, y + height, 0);
        }
        panel.id = number as u32 + 1;
        panel.grid_pos = GridPos { x, y, w, h };
        (x, height) = (x + w, height.max(h));
        panel
    };
    panels.into_iter().enumerate().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboards::panel;

    #[test]
    fn panels_stand_beside_one_another_until_a_row_is_full() {
        let sizes = [(12, 4), (12, 8), (24, 3), (6, 4)];
        let panels = sizes.map(|(w, h)| panel::stat("a", "a", "short").sized(w, h));
        let at = |panel: &Panel| (panel.id, panel.grid_pos.x, panel.grid_pos.y);
        let placed: Vec<_> = placed(panels.into()).iter().map(at).collect();
        assert_eq!(placed, [(1, 0, 0), (2, 12, 0), (3, 0, 8), (4, 0, 11)]);
    }
}

extension Int64 {
    /// A size for people, in the decimal units of docker and skopeo: `50.7 MB`.
    var byteCountText: String {
        guard self >= 1000 else { return "\(self) B" }
        var value = Double(self)
        var unit = 0
        let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"]
        while value >= 999.95, unit < units.count - 1 {
            value /= 1000
            unit += 1
        }
        let tenths = Int64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
}

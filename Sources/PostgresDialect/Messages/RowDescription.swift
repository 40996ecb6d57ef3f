package import NIOCore

/// The columns of the rows that follow.
package struct RowDescription: Equatable, Sendable {
    package struct Column: Equatable, Sendable {
        package var name: String
        /// 0 when the column is not a table's.
        package var table: UInt32
        package var attribute: Int16
        package var type: UInt32
        package var size: Int16
        package var modifier: Int32
        /// 0 text, 1 binary.
        package var format: Int16

        package init(
            name: String, table: UInt32 = 0, attribute: Int16 = 0, type: UInt32 = 25, size: Int16 = -1,
            modifier: Int32 = -1, format: Int16 = 0
        ) {
            self.name = name
            self.table = table
            self.attribute = attribute
            self.type = type
            self.size = size
            self.modifier = modifier
            self.format = format
        }
    }

    package var columns: [Column]

    package init(columns: [Column]) { self.columns = columns }

    package init?(_ message: ByteBuffer) {
        var body = message
        body.moveReaderIndex(forwardBy: min(5, body.readableBytes))
        guard let count = body.readInteger(as: UInt16.self), body.readableBytes >= Int(count) * 19 else { return nil }
        columns = []
        columns.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let name = body.readCText(), let table = body.readInteger(as: UInt32.self),
                let attribute = body.readInteger(as: Int16.self),
                let type = body.readInteger(as: UInt32.self), let size = body.readInteger(as: Int16.self),
                let modifier = body.readInteger(as: Int32.self), let format = body.readInteger(as: Int16.self)
            else { return nil }
            columns.append(
                Column(
                    name: name, table: table, attribute: attribute, type: type, size: size, modifier: modifier,
                    format: format))
        }
        guard body.readableBytes == 0 else { return nil }
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeMessage(BackendType.rowDescription) { body in
            body.writeInteger(UInt16(clamping: columns.count))
            for column in columns {
                body.writeCString(column.name.utf8)
                body.writeInteger(column.table)
                body.writeInteger(column.attribute)
                body.writeInteger(column.type)
                body.writeInteger(column.size)
                body.writeInteger(column.modifier)
                body.writeInteger(column.format)
            }
        }
    }
}

import duckdb, polars as pl, pyarrow as pa, pyarrow.parquet as pq, pyarrow.feather as pf, pyarrow.ipc as ipc, datetime as dt, decimal, os, sys
D=decimal.Decimal; decimal.getcontext().prec=60
out=sys.argv[1]; os.makedirs(out,exist_ok=True)
n=250
def val(i,v): return None if i%7==3 else v
rows=range(n)
cols={
 'id':pa.array([i for i in rows],pa.int64()),
 'i8':pa.array([val(i,(i%256)-128) for i in rows],pa.int8()),
 'i16':pa.array([val(i,(i*37)%65536-32768) for i in rows],pa.int16()),
 'i32':pa.array([val(i,i*100003-1000000) for i in rows],pa.int32()),
 'u8':pa.array([val(i,i%256) for i in rows],pa.uint8()),
 'u16':pa.array([val(i,(i*31)%65536) for i in rows],pa.uint16()),
 'u32':pa.array([val(i,4294967295-i) for i in rows],pa.uint32()),
 'u64':pa.array([val(i,18446744073709551615-i) for i in rows],pa.uint64()),
 'f32':pa.array([val(i,i/4-100) for i in rows],pa.float32()),
 'f64':pa.array([val(i,i/8-100) for i in rows],pa.float64()),
 'b':pa.array([val(i,i%3==0) for i in rows],pa.bool_()),
 'd':pa.array([val(i,dt.date(2020,1,1)+dt.timedelta(days=i-1000)) for i in rows],pa.date32()),
 'ts_ms':pa.array([val(i,dt.datetime(2020,1,1)+dt.timedelta(seconds=i*977,milliseconds=i%1000)) for i in rows],pa.timestamp('ms')),
 'ts_us':pa.array([val(i,dt.datetime(2020,1,1)+dt.timedelta(seconds=i*977,microseconds=i)) for i in rows],pa.timestamp('us',tz='UTC')),
 'ts_ns':pa.array([val(i,dt.datetime(2020,1,1)+dt.timedelta(seconds=i*977,microseconds=i)) for i in rows],pa.timestamp('ns')),
 'dec9':pa.array([val(i,D(i*7-9000).scaleb(-2)) for i in rows],pa.decimal128(9,2)),
 'dec18':pa.array([val(i,D(i*70000001-9000).scaleb(-3)) for i in rows],pa.decimal128(18,3)),
 'dec38':pa.array([val(i,D(10**35*(i-125)+i).scaleb(-6).quantize(D('0.000001'))) for i in rows],pa.decimal128(38,6)),
 's':pa.array([val(i,'' if i%11==0 else f'text {i} é' ) for i in rows],pa.string()),
 'cat':pa.array([val(i,['red','green','blue'][i%3]) for i in rows],pa.string()),
 'bin':pa.array([val(i,b'x'*(i%5)+bytes([65+i%26])) for i in rows],pa.binary()),
}
t=pa.table(cols)
def fmt(v):
    if v is None: return '\\N'
    if isinstance(v,bool): return 'true' if v else 'false'
    if isinstance(v,float): return repr(v)
    if isinstance(v,dt.datetime): 
        v=v.replace(tzinfo=None); s=v.strftime('%Y-%m-%dT%H:%M:%S'); 
        if v.microsecond: s+='.'+('%06d'%v.microsecond).rstrip('0')
        return s+'Z'
    if isinstance(v,dt.date): return v.isoformat()
    if isinstance(v,D): return format(v,'f')
    if isinstance(v,bytes): return v.decode()
    return str(v)
with open(f'{out}/expected.tsv','w') as f:
    f.write('\t'.join(cols)+'\n')
    py=[c.to_pylist() for c in cols.values()]
    for i in rows: f.write('\t'.join(fmt(c[i]) for c in py)+'\n')
pq.write_table(t,f'{out}/pyarrow_snappy.parquet',row_group_size=100,data_page_size=500)
pq.write_table(t,f'{out}/pyarrow_v2_zstd.parquet',compression='zstd',data_page_version='2.0',version='2.6',row_group_size=150,write_page_checksum=True,data_page_size=600)
pq.write_table(t,f'{out}/pyarrow_gzip_plain.parquet',compression='gzip',use_dictionary=False)
enc={c:'DELTA_BINARY_PACKED' for c in ('id','i8','i16','i32','u8','u16','u32','u64','d','ts_us','ts_ms')}
enc|={'s':'DELTA_BYTE_ARRAY','cat':'DELTA_LENGTH_BYTE_ARRAY','bin':'DELTA_LENGTH_BYTE_ARRAY','f32':'BYTE_STREAM_SPLIT','f64':'BYTE_STREAM_SPLIT','dec38':'BYTE_STREAM_SPLIT','b':'RLE'}
pq.write_table(t,f'{out}/pyarrow_delta_lz4.parquet',compression='lz4',use_dictionary=False,column_encoding=enc,store_decimal_as_integer=True,data_page_size=900)
pq.write_table(t,f'{out}/pyarrow_int96_none.parquet',compression='none',use_deprecated_int96_timestamps=True)
nested=t.append_column('list',pa.array([[i] for i in rows])).append_column('st',pa.array([{'a':i,'b':'x'} for i in rows])).append_column('last',pa.array([i for i in rows]))
pq.write_table(nested.slice(0,40),f'{out}/pyarrow_nested.parquet')
duckdb.sql(f"copy (select * from t) to '{out}/duckdb.parquet' (format parquet, row_group_size 2048)")
duckdb.sql(f"copy (select * from t) to '{out}/duckdb_v2.parquet' (format parquet, parquet_version v2, compression zstd)")
p=pl.from_arrow(t); p.write_parquet(f'{out}/polars.parquet'); p.write_ipc(f'{out}/polars.arrow'); p.with_columns(pl.col('cat').cast(pl.Categorical)).write_ipc(f'{out}/polars_zstd.arrow',compression='zstd')
td=t.set_column(t.schema.get_field_index('cat'),'cat',t['cat'].dictionary_encode())
pf.write_feather(td,f'{out}/pyarrow_lz4.arrow',compression='lz4',chunksize=90)
with ipc.new_file(f'{out}/pyarrow.arrow',t.schema) as w: w.write_table(t,max_chunksize=100)
large=t.set_column(t.schema.get_field_index('s'),'s',t['s'].cast(pa.large_string()))
with ipc.new_file(f'{out}/pyarrow_nested.arrow',nested.schema) as w: w.write_table(nested.slice(0,40))
